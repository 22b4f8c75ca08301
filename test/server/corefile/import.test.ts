import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Corefile, parseCorefile } from '../../../server/corefile/corefile.ts'
import { type CorefileError, CorefileErrors, formatLine } from '../../../server/corefile/error.ts'
import type { CorefileReader } from '../../../server/corefile/reader.ts'

type Files = Record<string, string>

/** A reader over a table of paths; a path that others lie below is a directory. */
function readerOf(files: Files): CorefileReader & { reads: string[] } {
  const fail = (code: string) => Object.assign(new Error(code), { code })
  const below = (path: string) =>
    Object.keys(files).filter(file =>
      path === '.' ? !file.startsWith('/') : file.startsWith(path.endsWith('/') ? path : `${path}/`),
    )
  const reads: string[] = []
  return {
    reads,
    read(path) {
      reads.push(path)
      const text = files[path]
      if (text === 'DENIED') throw fail('EACCES')
      if (text !== undefined) return text
      throw fail(below(path).length > 0 ? 'EISDIR' : 'ENOENT')
    },
    list(path) {
      const names = below(path)
      if (names.length === 0) throw fail('ENOENT')
      const skipped = path === '.' ? 0 : path.endsWith('/') ? path.length : path.length + 1
      return [...new Set(names.map(name => name.slice(skipped).split('/')[0]!))]
    },
  }
}

function outcome(text: string, files: Files = {}, environment = {}, file = 'Corefile'): string[] {
  try {
    return lines(parseCorefile(text, file, { ...readerOf(files), environment }))
  } catch (error) {
    if (error instanceof CorefileErrors) return error.errors.map(formatLine)
    throw error
  }
}

/** Each directive with where it stands, then its properties. */
function lines(corefile: Corefile): string[] {
  return corefile.blocks.flatMap(block => [
    block.keys.map(key => key.text).join(' '),
    ...block.directives.flatMap(({ name, args, properties }) => [
      ` ${name.source.file}:${name.line}:${name.column} ${[name, ...args].map(token => token.text).join(' ')}`,
      ...properties.map(
        p => `  ${p.name.source.file}:${p.name.line} ${[p.name, ...p.args].map(token => token.text).join(' ')}`,
      ),
    ]),
  ])
}

const rows: {
  name: string
  text: string
  files?: Files
  environment?: Record<string, string>
  file?: string
  outcome: string[]
}[] = [
  {
    name: 'snippet as directives, positions of the snippet',
    text: '(s) {\n  log\n  errors {\n    stacktrace\n  }\n}\n. {\n  import s\n  whoami\n}\na {\n  import s\n}\n',
    outcome: [
      '.',
      ' Corefile:2:3 log',
      ' Corefile:3:3 errors',
      '  Corefile:4 stacktrace',
      ' Corefile:9:3 whoami',
      'a',
      ' Corefile:2:3 log',
      ' Corefile:3:3 errors',
      '  Corefile:4 stacktrace',
    ],
  },
  {
    name: 'snippet as keys and as properties',
    text: '(keys) {\n  a.org b.org\n}\n(p) { class error\n}\nimport keys\n{\n  log {\n    import p\n    class all\n  }\n}\n',
    outcome: ['a.org b.org', ' Corefile:8:3 log', '  Corefile:4 class error', '  Corefile:10 class all'],
  },
  {
    name: 'snippet as whole server blocks',
    text: '(s) {\n a {\n log\n }\n}\nimport s\nb {\n}\n',
    outcome: ['a', ' Corefile:3:2 log', 'b'],
  },
  {
    name: 'snippet that imports a snippet',
    text: '(a) {\n log\n}\n(b) {\n import a\n errors\n}\n. {\n import b\n}\n',
    outcome: ['.', ' Corefile:2:2 log', ' Corefile:6:2 errors'],
  },
  { name: 'empty snippet', text: '(s) {\n}\n. {\n import s\n log\n}\n', outcome: ['.', ' Corefile:5:2 log'] },
  {
    name: 'snippet before file',
    text: '(f) {\n log\n}\n. {\n import f\n}',
    files: { f: 'errors' },
    outcome: ['.', ' Corefile:2:2 log'],
  },
  { name: 'quoted import is a directive', text: '. {\n "import" x\n}', outcome: ['.', ' Corefile:2:2 import x'] },
  {
    name: 'import that does not begin a line is an argument',
    text: '. {\n log import x\n}',
    outcome: ['.', ' Corefile:2:2 log import x'],
  },
  {
    name: 'file with server blocks, one in the short form does not swallow what follows',
    text: 'import a.conf\n. {\n}\n',
    files: { 'a.conf': 'a.org\nlog\n' },
    outcome: ['a.org', ' a.conf:2:1 log', '.'],
  },
  {
    name: 'files are relative to the importing file',
    text: '. {\n import sub/one\n}\n',
    file: 'etc/Corefile',
    files: { 'etc/sub/one': 'import two\nimport /abs/three', 'etc/sub/two': 'log', '/abs/three': 'errors' },
    outcome: ['.', ' etc/sub/two:1:1 log', ' /abs/three:1:1 errors'],
  },
  {
    name: 'pattern in order of names, directories left out',
    text: '. {\n import c/*.override\n}\n',
    files: {
      'c/b.override': 'log b',
      'c/a.override': 'log a',
      'c/x.server': 'log x',
      'c/d.override/e': '',
      'c/..data/a.override': 'log',
    },
    outcome: ['.', ' c/a.override:1:1 log a', ' c/b.override:1:1 log b'],
  },
  {
    name: 'files of one pattern may import each other',
    text: '. {\n import c/*\n}\n',
    files: { 'c/a': 'import b', 'c/b': 'log' },
    outcome: ['.', ' c/b:1:1 log', ' c/b:1:1 log'],
  },
  {
    name: 'pattern with a wildcard directory and a question mark',
    text: '. {\n import */a?\n}\n',
    files: { 'x/a1': 'log 1', 'x/a10': 'log 10', 'y/a2': 'log 2' },
    outcome: ['.', ' x/a1:1:1 log 1', ' y/a2:1:1 log 2'],
  },
  { name: 'pattern without a match', text: '. {\n import none/*.conf\n log\n}\n', outcome: ['.', ' Corefile:3:2 log'] },
  {
    name: 'missing file',
    text: '. {\n import gone\n log\n import gone2\n}\n',
    outcome: [
      'Corefile:2:9: import "gone" found neither a snippet nor a file, expected a snippet defined above or an existing file',
      'Corefile:4:9: import "gone2" found neither a snippet nor a file, expected a snippet defined above or an existing file',
    ],
  },
  {
    name: 'snippet used before its definition',
    text: '. {\n import s\n}\n(s) {\n log\n}\n',
    outcome: [
      'Corefile:2:9: import "s" found neither a snippet nor a file, expected the snippet of line 4 to stand above its first use',
    ],
  },
  {
    name: 'directory',
    text: '. {\n import d\n}\n',
    files: { 'd/x': '' },
    outcome: ['Corefile:2:9: import "d" is a directory, expected a readable file'],
  },
  {
    name: 'unreadable file',
    text: '. {\n import d\n}\n',
    files: { d: 'DENIED' },
    outcome: ['Corefile:2:9: import "d" cannot be read (EACCES), expected a readable file'],
  },
  {
    name: 'import right after a brace',
    text: '(s) {\n log\n}\n. { import s\n}\n',
    outcome: ['.', ' Corefile:2:2 log'],
  },
  {
    name: 'brace on the line of an import',
    text: '(s) {\n log\n}\n. {\n import s }\na {\n}\n',
    outcome: ['Corefile:5:11: "}" on the line of an import, expected it on a line of its own'],
  },
  {
    name: 'brace too many in a file imported inside a directive',
    text: '. {\n log {\n  import a\n  class all\n }\n}\n',
    files: { a: 'class error\n}\n' },
    outcome: ['a:2:1: unexpected "}", no block is open here, expected a property'],
  },
  {
    name: 'no argument',
    text: '. {\n import\n log\n}',
    outcome: ['Corefile:2:2: import without a name, expected one snippet, file or pattern'],
  },
  {
    name: 'two arguments',
    text: '. {\n import a b\n}',
    outcome: ['Corefile:2:11: surplus "b" after import, expected one snippet, file or pattern'],
  },
  {
    name: 'import with a block',
    text: '. {\n import a {\n  x\n }\n log\n}',
    outcome: ['Corefile:2:11: surplus "{" after import, expected one snippet, file or pattern'],
  },
  {
    name: 'two stars',
    text: '. {\n import */*\n}',
    outcome: ['Corefile:2:9: pattern "*/*" is too general, expected at most one * and one ? and no [ ]'],
  },
  {
    name: 'file that imports itself',
    text: '. {\n import a\n}',
    files: { a: 'log\nimport a' },
    outcome: ['a:2:8: file "a" imports itself, expected imports that end'],
  },
  {
    name: 'files that import each other',
    text: '. {\n import a\n}',
    files: { a: 'import b', b: 'import ./x/../a' },
    outcome: ['b:1:8: file "a" imports itself, expected imports that end'],
  },
  {
    name: 'the Corefile imports itself',
    text: 'import Corefile\n',
    files: { Corefile: 'import Corefile' },
    outcome: ['Corefile:1:8: file "Corefile" imports itself, expected imports that end'],
  },
  {
    name: 'snippet that imports itself, unused',
    text: '(s) {\n import s\n}\n. {\n}',
    outcome: ['Corefile:2:9: snippet "s" imports itself, expected imports that end'],
  },
  {
    name: 'snippets that import each other',
    text: '(a) {\n import b\n}\n(b) {\n import a\n}\n. {\n import a\n}',
    outcome: ['Corefile:5:9: snippet "a" imports itself, expected imports that end'],
  },
  {
    name: 'snippet redefined',
    text: '(a) {\n}\n(a) {\n}\n',
    outcome: ['Corefile:3:1: snippet "a" is defined at Corefile:1 already, expected another name'],
  },
  {
    name: 'snippet without a block',
    text: '(a)\n',
    outcome: ['Corefile:1:1: snippet "a" without a block, expected "{"'],
  },
  {
    name: 'snippet without a name',
    text: '() {\n}\n',
    outcome: ['Corefile:1:1: snippet without a name, expected (name)'],
  },
  {
    name: 'snippet among keys',
    text: '(a) b.org {\n}\n',
    outcome: ['Corefile:1:1: snippet "(a)" among other keys, expected it to be the only one'],
  },
  {
    name: 'snippet never closed',
    text: '(a) {\n log {\n }\n',
    outcome: ['Corefile:1:5: block of "(a)" is never closed, expected "}" before the end of the file'],
  },
  {
    name: 'brace missing in an imported file',
    text: '. {\n import a\n}\n',
    files: { a: 'errors {\n stacktrace\n' },
    outcome: ['a:1:8: block of "errors" is never closed, expected "}" before the end of the file'],
  },
  {
    name: 'brace too many in an imported file',
    text: '. {\n import a\n log\n}\n',
    files: { a: 'errors\n}\n' },
    outcome: ['a:2:1: unexpected "}", no block is open here, expected a directive'],
  },
  {
    name: 'unterminated quote in an imported file, reported once',
    text: '. {\n import a\n}\nb {\n import a\n}',
    files: { a: 'log "x' },
    outcome: ['a:1:5: quote is never closed, expected another " before the end of the file'],
  },
  {
    name: 'environment in keys, names, arguments and imports',
    text: '{$Z}:{%P%} {\n {$D} a{$A}b "{$A}"\n import {$F}\n}',
    environment: { Z: 'x.org', P: '53', D: 'log', A: 'one two', F: 'f' },
    files: { f: '{$D} f' },
    outcome: ['x.org:53', ' Corefile:2:2 log aone twob one two', ' f:1:1 log f'],
  },
  {
    name: 'values expand again, % before $',
    text: '. {\n log {$A} {%A%}\n}',
    environment: { A: '<{$B}>', B: 'b' },
    outcome: ['.', ' Corefile:2:2 log <b> <b>'],
  },
  {
    name: 'unset is empty, names are not found in prototypes',
    text: '. {\n log [{$NONE}{$constructor}{$__proto__}]\n}',
    outcome: ['.', ' Corefile:2:2 log []'],
  },
  {
    name: 'empty and open references stay',
    text: '. {\n log {$} {%%} {$A {$B}\n}',
    environment: { B: 'b' },
    outcome: ['.', ' Corefile:2:2 log {$} {%%} {$A b'],
  },
  {
    name: 'a value is not a brace, comment or quote',
    text: '. {\n log {$A}\n log {$B} {$C}\n}',
    environment: { A: '{', B: '#x', C: '"' },
    outcome: ['.', ' Corefile:2:2 log {', ' Corefile:3:2 log #x "'],
  },
  {
    name: 'self reference',
    text: '. {\n log {$A}\n}',
    environment: { A: 'x{$B}', B: '{$A}' },
    outcome: ['Corefile:2:6: the value of {$A} refers to itself, expected a value that ends'],
  },
  {
    name: 'unset key',
    text: '{$Z} {\n}\n',
    outcome: ['Corefile:1:1: empty key, expected a zone such as "." or "example.org"; {$Z} is not set'],
  },
  {
    name: 'every unset variable behind a mistake is named',
    text: '{$A}..{%B%} {\n}\n',
    outcome: [
      'Corefile:1:1: invalid zone "..": an empty label, expected a name such as "example.org"; {%B%}, {$A} are not set',
    ],
  },
  {
    name: 'placeholders of NodeLocal DNSCache, with what belongs in their places',
    text: '__PILLAR__DNS__DOMAIN__:53 {\n bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n forward . __PILLAR__CLUSTER__DNS__\n forward . __PILLAR__UPSTREAM__SERVERS__ # __PILLAR__A__\n log __PILLAR__B__\n}\n',
    outcome: [
      'Corefile:1:1: "__PILLAR__DNS__DOMAIN__" is a placeholder of NodeLocal DNSCache, expected the cluster\'s domain, such as cluster.local',
      'Corefile:2:7: "__PILLAR__LOCAL__DNS__" is a placeholder of NodeLocal DNSCache, expected the node\'s own address, such as 169.254.20.10',
      'Corefile:2:30: "__PILLAR__DNS__SERVER__" is a placeholder of NodeLocal DNSCache, expected the address of the Service kube-dns, or nothing',
      'Corefile:3:12: "__PILLAR__CLUSTER__DNS__" is a placeholder of NodeLocal DNSCache, expected {$KUBE_DNS_UPSTREAM_SERVICE_HOST}',
      'Corefile:4:12: "__PILLAR__UPSTREAM__SERVERS__" is a placeholder of NodeLocal DNSCache, expected /etc/resolv.conf',
      'Corefile:5:6: "__PILLAR__B__" is a placeholder of NodeLocal DNSCache, expected a value',
    ],
  },
]

for (const { name, text, files, environment, file, outcome: expected } of rows) {
  test(name, () => assert.equal(outcome(text, files, environment, file), expected))
}

test('values that grow without end are refused', () => {
  const environment = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`V${i}`, `{$V${i + 1}}`.repeat(10)]))
  assert.match(outcome('. {\n log {$V0}\n}', {}, environment)[0]!, 'grows beyond')
})

test('snippets that multiply end at the limit', () => {
  const levels = Array.from({ length: 30 }, (_, i) => `(s${i + 1}) {\n${` import s${i}\n`.repeat(4)}}\n`)
  const [error, ...rest] = outcome(`(s0) {\n log\n}\n${levels.join('')}. {\n import s30\n}`)
  assert.match(error!, /^Corefile:\d+:9: more than 10000 snippet imports, expected fewer$/)
  assert.is(rest.length, 0)
})

test('files, directories and warnings are reported', () => {
  const files = readerOf({ 'c/a.conf': 'log', 'c/b.conf': 'errors' })
  const corefile = parseCorefile(
    '. {\n import c/*.conf\n import c/a.conf\n import d/*.x\n}\n(s) {\n}\n',
    'Corefile',
    files,
  )
  assert.equal(corefile.files, ['Corefile', 'c/a.conf', 'c/b.conf'])
  assert.equal(corefile.directories, ['c', 'd'])
  assert.equal(corefile.warnings, [
    { file: 'Corefile', line: 4, column: 9, message: 'no file matches import pattern "d/*.x"' },
  ])
  assert.equal(corefile.snippets, ['s'])
  assert.equal(files.reads, ['c/a.conf', 'c/b.conf'])
})

test('the cause of a failed read is kept', () => {
  try {
    parseCorefile('import x', 'Corefile', readerOf({ x: 'DENIED' }))
    assert.unreachable()
  } catch (error) {
    const [first] = (error as { errors: CorefileError[] }).errors
    assert.is((first!.cause as { code: string }).code, 'EACCES')
    assert.is(first!.code, 'COREFILE_IMPORT_UNREADABLE')
  }
})

test.run()
