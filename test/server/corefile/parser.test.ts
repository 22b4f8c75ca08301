import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type CorefileOptions, parseCorefile } from '../../../server/corefile/corefile.ts'
import { CorefileErrors, formatLine } from '../../../server/corefile/error.ts'
import type { ServerBlockNode } from '../../../server/corefile/parser.ts'

/** One line per block: `keys { directive args { property args; }; }`. */
function tree(blocks: readonly ServerBlockNode[]): string[] {
  const words = (tokens: readonly { text: string }[]) => tokens.map(token => token.text).join(' ')
  return blocks.map(({ keys, directives }) => {
    const lines = directives.map(({ name, args, properties, hasBlock }) => {
      const block = hasBlock ? [`{${properties.map(p => words([p.name, ...p.args])).join('; ')}}`] : []
      return [words([name, ...args]), ...block].join(' ')
    })
    return `${words(keys)} | ${lines.join(' | ')}`
  })
}

function errorsOf(text: string, options: CorefileOptions = {}): string[] {
  try {
    parseCorefile(text, 'Corefile', options)
  } catch (error) {
    if (error instanceof CorefileErrors) return error.errors.map(formatLine)
    throw error
  }
  return []
}

const good: { name: string; text: string; tree: string[] }[] = [
  { name: 'empty file', text: '', tree: [] },
  { name: 'comments only', text: '# nothing\n', tree: [] },
  { name: 'key only', text: 'example.org', tree: ['example.org | '] },
  { name: 'empty block', text: '. {\n}\n', tree: ['. | '] },
  { name: 'empty block on one line', text: '. { }\n', tree: ['. | '] },
  {
    name: 'short form',
    text: '.:53\nerrors\nforward . 1.1.1.1 {\n max_fails 3\n}\n',
    tree: ['.:53 | errors | forward . 1.1.1.1 {max_fails 3}'],
  },
  { name: 'brace on the next line', text: '.\n{\n log\n}\n', tree: ['. | log'] },
  { name: 'directive right after the brace', text: '. { log\n whoami\n}', tree: ['. | log | whoami'] },
  {
    name: 'property right after the brace',
    text: '. {\n log { class error\n class all\n }\n}',
    tree: ['. | log {class error; class all}'],
  },
  { name: 'empty directive block on one line', text: '. {\n errors { }\n log\n}', tree: ['. | errors {} | log'] },
  { name: 'keys with blanks', text: 'a.org b.org {\n}\n', tree: ['a.org b.org | '] },
  { name: 'keys with commas', text: 'a.org, b.org,c.org {\n}\n', tree: ['a.org b.org,c.org | '] },
  { name: 'trailing comma continues the keys', text: 'a.org,\nb.org {\n log\n}\n', tree: ['a.org b.org | log'] },
  { name: 'two blocks on one line', text: 'a {\n log\n} b {\n}\n', tree: ['a | log', 'b | '] },
  { name: 'quoted brace is an argument', text: '. {\n log . "{" "}"\n}', tree: ['. | log . { }'] },
  { name: 'repeats stay in order', text: '. {\n log a\n cache\n log b\n}', tree: ['. | log a | cache | log b'] },
  { name: 'CRLF', text: '. {\r\n log\r\n}\r\n', tree: ['. | log'] },
]

for (const row of good) {
  test(`good: ${row.name}`, () => assert.equal(tree(parseCorefile(row.text, 'Corefile').blocks), row.tree))
}

const bad: { name: string; text: string; errors: string[] }[] = [
  {
    name: 'block on one line',
    text: '. { whoami }\n',
    errors: ['Corefile:1:12: "}" on the line of "whoami", expected it on a line of its own'],
  },
  {
    name: 'nested blocks on one line are one mistake',
    text: '. { errors { stacktrace } }\n',
    errors: ['Corefile:1:25: "}" on the line of "stacktrace", expected it on a line of its own'],
  },
  {
    name: 'missing brace of a server block',
    text: '. {\n  log\n',
    errors: ['Corefile:1:3: block of "." is never closed, expected "}" before the end of the file'],
  },
  {
    name: 'missing brace of a directive',
    text: '. {\n  errors {\n    stacktrace\n}\n',
    errors: ['Corefile:1:3: block of "." is never closed, expected "}" before the end of the file'],
  },
  {
    name: 'missing brace before another server block',
    text: '. {\n  log\n\nexample.org {\n  log\n}\n',
    errors: ['Corefile:4:1: server block "example.org" inside that of ".", expected "}" before it'],
  },
  {
    name: 'server block after one in short form',
    text: 'a.org\nlog\nb.org {\n log\n}\n',
    errors: ['Corefile:3:1: server block "b.org" after "a.org", which has no braces, expected "{" after "a.org"'],
  },
  {
    name: 'brace too many',
    text: '. {\n}\n}\nexample.org {\n}\n',
    errors: ['Corefile:3:1: unexpected "}", no block is open here, expected a server block'],
  },
  {
    name: 'brace too many in the short form',
    text: '.\nlog\n}\n',
    errors: ['Corefile:3:1: unexpected "}", no block is open here, expected "{" after the key "."'],
  },
  {
    name: 'second level of blocks',
    text: '. {\n  forward . 1.1.1.1 {\n    policy random {\n      x\n    }\n    max_fails 2\n  }\n  log\n}\n',
    errors: [
      'Corefile:3:19: a second "{" inside the block of "forward", expected properties: blocks go one level deep',
    ],
  },
  {
    name: 'brace alone inside a directive block',
    text: '. {\n  errors {\n    {\n    }\n  }\n}\n',
    errors: ['Corefile:3:5: a second "{" inside the block of "errors", expected properties: blocks go one level deep'],
  },
  {
    name: 'brace on the line after a directive',
    text: '. {\n  errors\n  {\n    stacktrace\n  }\n  log\n}\n',
    errors: ['Corefile:3:3: unexpected "{" at the start of a line, expected it at the end of the line of "errors"'],
  },
  {
    name: 'text after the brace of a directive',
    text: '. {\n  errors {\n  } log\n  whoami\n}\n',
    errors: ['Corefile:3:5: "log" after "}" on one line, expected the end of the line'],
  },
  {
    name: 'two closing braces on a line',
    text: '. {\n  errors {\n  } }\nexample.org {\n}\n',
    errors: ['Corefile:3:5: "}" after "}" on one line, expected the end of the line'],
  },
  {
    name: 'no key',
    text: '{\n  log\n}\n',
    errors: ['Corefile:1:1: "{" without a key before it, expected a zone such as "." or "example.org"'],
  },
  {
    name: 'empty key',
    text: '"" {\n}\n',
    errors: ['Corefile:1:1: empty key, expected a zone such as "." or "example.org"'],
  },
  {
    name: 'comma before the brace',
    text: 'a.org, {\n}\n',
    errors: ['Corefile:1:1: list of keys ends in a comma, expected another key after it'],
  },
  {
    name: 'comma at the end',
    text: 'a.org,',
    errors: ['Corefile:1:1: list of keys ends in a comma, expected another key after it'],
  },
  { name: 'empty directive', text: '. {\n  "" x\n}\n', errors: ['Corefile:2:3: empty name, expected a directive'] },
  {
    name: 'empty property',
    text: '. {\n  log {\n   ""\n  }\n}\n',
    errors: ['Corefile:3:4: empty name, expected a property'],
  },
  {
    name: 'brace glued to a key',
    text: 'example.org{\n  log\n}\n(s){\n  log\n}\n. {\n  import s\n}\n',
    errors: [
      'Corefile:1:12: "{" is part of "example.org{", expected a blank before it',
      'Corefile:4:4: "{" is part of "(s){", expected a blank before it',
    ],
  },
  {
    name: 'mistakes of several blocks at once',
    text: '. {\n  a {\n    b {\n    }\n  }\n}\nx..y {\n  c\n  {\n  }\n}\n}\n',
    errors: [
      'Corefile:3:7: a second "{" inside the block of "a", expected properties: blocks go one level deep',
      'Corefile:7:1: invalid zone "x..y": an empty label, expected a name such as "example.org"',
      'Corefile:9:3: unexpected "{" at the start of a line, expected it at the end of the line of "c"',
      'Corefile:12:1: unexpected "}", no block is open here, expected a server block',
    ],
  },
]

for (const row of bad) {
  test(`bad: ${row.name}`, () => assert.equal(errorsOf(row.text), row.errors))
}

test('nodes keep positions, names and closing braces', () => {
  const [block] = parseCorefile('.:53 {\n  log a {\n    class all\n  }\n}\n', 'Corefile').blocks
  const directive = block?.directives[0]
  const [property] = directive?.properties ?? []
  const at = (position: { line: number; column: number } | undefined) => [position?.line, position?.column]
  assert.equal(at(block?.keys[0]), [1, 1])
  assert.equal(at(block?.close), [5, 1])
  assert.equal(at(directive?.args[0]), [2, 7])
  assert.equal(at(directive?.close), [4, 3])
  assert.equal(at(property?.args[0]), [3, 11])
})

test.run()
