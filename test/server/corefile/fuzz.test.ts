import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { groupDirectives, parseCorefile, type ServerBlock } from '../../../server/corefile/corefile.ts'
import { type Argument, Directive } from '../../../server/corefile/directive.ts'
import { CorefileError, CorefileErrors } from '../../../server/corefile/error.ts'

const sample = `(common) {
  errors
  log . "{remote} \\"{name}\\"" {
    class denial error
  }
}
.:53, tls://example.org:853 {
  import common
  forward . 1.1.1.1 {$UPSTREAM} {
    max_fails 3
    import sub/*.conf
  }
  import one
}
10.0.0.0/22 2001:db8::/31 {
  import common
}
`
const environment = { UPSTREAM: '9.9.9.9', LOOP: '{$LOOP}', PERCENT: '{%PERCENT%}' }
const files: Record<string, string> = {
  one: 'cache 30 {\n  prefetch 5\n}\n',
  'sub/a.conf': 'policy random\n',
  self: 'import self\n',
}
const reader = {
  read(path: string): string {
    const text = Object.hasOwn(files, path) ? files[path] : undefined
    if (text === undefined) throw Object.assign(new Error('absent'), { code: 'ENOENT' })
    return text
  },
  list: () => ['a.conf'],
}

/** Blocks, or undefined for a configuration with errors that hold a position each. Anything else that is thrown fails. */
function parse(text: string): readonly ServerBlock[] | undefined {
  try {
    return parseCorefile(text, 'Corefile', { ...reader, environment }).blocks
  } catch (error) {
    if (!(error instanceof CorefileErrors)) throw error
    assert.ok(error.errors.length > 0)
    for (const one of error.errors) assert.ok(one.line >= 1 && one.column >= 1 && one.length >= 0 && one.message !== '')
    return undefined
  }
}

const pieces = [
  '{',
  '}',
  '{}',
  '\n',
  '\n',
  ' ',
  ',',
  '"',
  '\\',
  '#',
  '.',
  ':53',
  'a.org',
  '(s)',
  'import',
  'import s',
  'import self',
  'import *',
  '{$LOOP}',
  '{%PERCENT%}',
  '{$',
  '\r',
  '\t',
  '\uFEFF',
  '\u2028',
  '10.0.0.0/9',
  'tls://',
  'log',
]

test('random text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => void parse(text)),
    { numRuns: 2000 },
  )
})

test('random pieces of the grammar', () => {
  const text = fc
    .array(fc.constantFrom(...pieces), { maxLength: 60 })
    .map(parts => parts.join(' ').replaceAll(' \n ', '\n'))
  fc.assert(
    fc.property(text, value => void parse(value)),
    { numRuns: 3000 },
  )
})

test('mutated configuration', () => {
  const edit = fc.record({ at: fc.nat(sample.length), removed: fc.nat(8), inserted: fc.constantFrom('', ...pieces) })
  const mutate = (edits: { at: number; removed: number; inserted: string }[]) =>
    edits.reduce((text, { at, removed, inserted }) => text.slice(0, at) + inserted + text.slice(at + removed), sample)
  assert.is(parse(sample)?.length, 2)
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), edits => void parse(mutate(edits))),
    { numRuns: 3000 },
  )
})

test('what is quoted comes back as it was', () => {
  const text = fc.string({ unit: 'binary', maxLength: 50 }).filter(value => !/\\|\{\$|\{%/.test(value))
  fc.assert(
    fc.property(text, value => {
      const blocks = parse(`. {\n log "${value.replaceAll('"', '\\"')}" x\n}\n`)
      assert.equal(
        blocks?.[0]?.directives[0]?.args.map(token => token.text),
        [value, 'x'],
      )
    }),
    { numRuns: 1000 },
  )
})

test('readings of an argument return or throw a CorefileError', () => {
  const readings: ((argument: Argument) => unknown)[] = [
    a => a.integer(0, 9),
    a => a.number(0, 9),
    a => a.duration(),
    a => a.duration({ bareSeconds: true }),
    a => a.oneOf(['a', 'b']),
    a => a.boolean(),
    a => a.address(),
    a => a.hostPort(53),
    a => a.zones(),
    a => a.cidr(true),
    a => a.regexp(),
  ]
  const characters = fc.string({
    unit: fc.constantFrom(...'0123456789abcdef.:/[]%+-ehmsnu()*?\\|^$ \u00b5😀'),
    maxLength: 40,
  })
  const body = characters.filter(text => !/\\$/.test(text))
  fc.assert(
    fc.property(body, text => {
      const blocks = parse(`. {\n x "${text}"\n}\n`)
      if (blocks === undefined) return
      const argument = new Directive([...groupDirectives(blocks[0]!).values()][0]!).once().argument()
      for (const read of readings) {
        try {
          read(argument)
        } catch (error) {
          if (!(error instanceof CorefileError)) throw error
        }
      }
    }),
    { numRuns: 2000 },
  )
})

/** Texts that grow with `n`; each must cost time in proportion. */
const growing: { name: string; text: (n: number) => string }[] = [
  { name: 'opening braces', text: n => '{\n'.repeat(n) },
  { name: 'opening braces on one line', text: n => `. ${'{ '.repeat(n)}` },
  { name: 'closing braces', text: n => '}\n'.repeat(n) },
  { name: 'nested blocks', text: n => `. {\n${'a {\n'.repeat(n)}${'}\n'.repeat(n)}` },
  { name: 'unclosed directives', text: n => '. {\n a {\n'.repeat(n) },
  { name: 'server blocks', text: n => 'a.org {\n log\n}\n'.repeat(n) },
  { name: 'keys', text: n => `${'a.org, '.repeat(n)}b {\n}` },
  { name: 'one long line', text: n => `. {\n log ${'x '.repeat(n)}}` },
  { name: 'one long token', text: n => `. {\n log ${'x'.repeat(n)}\n` },
  { name: 'one long key', text: n => 'a.'.repeat(n) },
  { name: 'one long key of backslashes', text: n => '\\'.repeat(n) },
  { name: 'one long quote', text: n => `"${'\\"\n'.repeat(n)}` },
  { name: 'comments', text: n => '#\n'.repeat(n) },
  { name: 'carriage returns', text: n => `a${'\r'.repeat(n)}b` },
  { name: 'missing imports', text: n => 'import gone\n'.repeat(n) },
  { name: 'snippets', text: n => Array.from({ length: n }, (_, i) => `(s${i}) {\n}\n`).join('') },
  { name: 'imports of a snippet', text: n => `(s) {\n log\n}\n. {\n${'import s\n'.repeat(n)}}` },
  {
    name: 'chain of snippets',
    text: n =>
      `(s0) {\n}\n${Array.from({ length: n }, (_, i) => `(s${i + 1}) {\nimport s${i}\n}\n`).join('')}. {\nimport s${n}\n}`,
  },
  { name: 'references', text: n => `. {\n log ${'{$UPSTREAM}'.repeat(n)}\n}` },
  { name: 'open references', text: n => `. {\n log ${'{$'.repeat(n)}\n}` },
  { name: 'loops of the environment', text: n => `. {\n ${'log {$LOOP}\n'.repeat(n)}}` },
]

for (const { name, text } of growing) {
  test(`linear time: ${name}`, () => {
    const start = performance.now()
    parse(text(20_000))
    // 1 to 700 ms each here, on one busy core; one quadratic step makes it many times that.
    assert.ok(performance.now() - start < 10_000, `${Math.round(performance.now() - start)} ms`)
  })
}

test.run()
