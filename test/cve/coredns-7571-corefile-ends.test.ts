/**
 * coredns#7571: a Corefile with a brace that is not closed was read for ever. coredns#7567: so was one whose imports lead
 * back to themselves.
 *
 * Shown here: each of these ends, within the test's deadline by orders of magnitude, with mistakes that have a place. The
 * parser goes forward with every step (server/corefile/parser.ts), and an import knows what it stands in (import.ts).
 */
import { ok } from 'node:assert/strict'
import { test } from 'uvu'
import { readCorefile } from '../../server/corefile/corefile.ts'

const MOST_MS = 5000

const cases: { name: string; text: string; files?: Record<string, string>; says: RegExp }[] = [
  { name: 'a block that is not closed', text: '.:53 {\n forward . 1.1.1.1 {\n', says: /brace|"}"|closed|end/i },
  { name: 'a key and a brace', text: '. {', says: /brace|"}"|closed|end/i },
  { name: 'braces alone', text: '{{{{', says: /./ },
  { name: 'a quote that is not closed', text: '. {\n log "', says: /./ },
  {
    name: 'a block that an import leaves open',
    text: '. {\nimport a\n}\n',
    files: { a: 'forward . 1.1.1.1 {\n' },
    says: /./,
  },
  { name: 'a file that imports itself', text: 'import a\n', files: { a: 'import a\n' }, says: /imports itself/ },
  {
    name: 'two that import each other',
    text: 'import a\n',
    files: { a: 'import b\n', b: 'import a\n' },
    says: /imports itself/,
  },
  {
    name: 'in a block',
    text: '. {\nimport a\n}\n',
    files: { a: 'import b\n', b: 'log\nimport a\n' },
    says: /imports itself/,
  },
  { name: 'by a pattern', text: '. {\nimport *\n}\n', files: { a: 'import *\n' }, says: /imports itself/ },
  { name: 'a snippet that imports itself', text: '(s) {\n import s\n}\n. {\n import s\n}\n', says: /imports itself/ },
  {
    name: 'two snippets',
    text: '(s) {\n import t\n}\n(t) {\n import s\n}\n. {\n import s\n}\n',
    says: /imports itself/,
  },
]

for (const { name, text, files = {}, says } of cases) {
  test(name, () => {
    const read = (path: string) => {
      const found = Object.entries(files).find(([file]) => path === file || path.endsWith(`/${file}`))
      if (found === undefined) throw Object.assign(new Error('absent'), { code: 'ENOENT' })
      return found[1]
    }
    const startedAtMs = performance.now()
    const { mistakes } = readCorefile(text, 'Corefile', { read, list: () => Object.keys(files), environment: {} })
    ok(performance.now() - startedAtMs < MOST_MS)
    ok(mistakes.length > 0 && mistakes.length < 100, `${mistakes.length} mistakes`)
    for (const { line, column } of mistakes) ok(line >= 1 && column >= 1)
    ok(
      mistakes.some(({ message }) => says.test(message)),
      mistakes.map(({ message }) => message).join('\n'),
    )
  })
}

test.run()
