import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { groupDirectives, parseCorefile } from '../../../server/corefile/corefile.ts'
import { type CorefileErrors, formatLine } from '../../../server/corefile/error.ts'

const fingerprint = (text: string, options = {}) => parseCorefile(text, 'Corefile', options).fingerprint

const base = '. {\n  log a b {\n    class all\n  }\n  errors\n}\n'

const same: { name: string; text: string }[] = [
  { name: 'comments and moved lines', text: `# moved\n\n${base.replaceAll('\n', '\n\n')}` },
  { name: 'blanks', text: base.replaceAll('  ', '\t ') },
  { name: 'quotes', text: base.replace('a b', '"a" b') },
  { name: 'line ends', text: base.replaceAll('\n', '\r\n') },
  { name: 'a snippet', text: '(s) {\n  errors\n}\n. {\n  log a b {\n    class all\n  }\n  import s\n}\n' },
  { name: 'the environment', text: base.replace('a b', '{$A} b') },
]
for (const row of same) {
  test(`the fingerprint is blind to ${row.name}`, () =>
    assert.is(fingerprint(row.text, { environment: { A: 'a' } }), fingerprint(base)))
}

const different: { name: string; text: string }[] = [
  { name: 'keys', text: base.replace('.', '.:53') },
  { name: 'arguments', text: base.replace('a b', 'a c') },
  { name: 'where arguments are split', text: base.replace('a b', '"a b"') },
  { name: 'properties', text: base.replace('all', 'error') },
  { name: 'order', text: '. {\n  errors\n  log a b {\n    class all\n  }\n}\n' },
]
for (const row of different)
  test(`the fingerprint sees ${row.name}`, () => assert.is.not(fingerprint(row.text), fingerprint(base)))

test('the fingerprint is SHA-512 in hexadecimal', () => assert.match(fingerprint(''), /^[0-9a-f]{128}$/))

test('the fingerprint sees imported files', () => {
  const of = (text: string) => fingerprint('import x', { read: () => text })
  assert.is(of('. {\n}'), fingerprint('. {\n}'))
  assert.is.not(of('. {\n}'), of('. {\n log\n}'))
})

test('server keys of all keys of a block', () => {
  const [block] = parseCorefile('Example.org:1053, tls://10.0.0.0/15 {\n}\n', 'Corefile').blocks
  const keys = block?.serverKeys.map(({ transport, zone, port, token }) => [transport, zone, port, token.column])
  assert.equal(keys, [
    ['dns', 'example.org.', 1053, 1],
    ['tls', '0.10.in-addr.arpa.', undefined, 19],
    ['tls', '1.10.in-addr.arpa.', undefined, 19],
  ])
})

test('directives of a block by name, in order', () => {
  const [block] = parseCorefile('. {\n log a\n cache\n log b\n}\n', 'Corefile').blocks
  const groups = [...groupDirectives(block!)].map(([name, nodes]) => [name, nodes.map(node => node.name.line)])
  assert.equal(groups, [
    ['log', [2, 4]],
    ['cache', [3]],
  ])
})

test('zones that are no host names are served with a warning', () => {
  const { warnings } = parseCorefile('a.org _x.a-b.10 . {\n}\na/b {\n}\n*.c 10.0.0.0/8 {\n}\n', 'Corefile')
  assert.equal(
    warnings.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`),
    [
      'Corefile:3:1: zone "a/b." is no host name, expected letters, digits and inner hyphens',
      'Corefile:5:1: zone "*.c." is no host name, expected letters, digits and inner hyphens',
    ],
  )
})

test('errors are thrown in source order, the main file first', () => {
  try {
    parseCorefile('. {\n import a\n}\nx..y {\n}\n}\n', 'Corefile', { read: () => 'errors {\n' })
    assert.unreachable()
  } catch (error) {
    const positions = (error as CorefileErrors).errors.map(one => formatLine(one).split(':').slice(0, 3).join(':'))
    assert.equal(positions, ['Corefile:4:1', 'Corefile:6:1', 'a:1:8'])
  }
})

test.run()
