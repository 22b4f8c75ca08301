import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { COREFILE_ERROR_CODES } from '../../../server/corefile/codes.ts'
import {
  CorefileError,
  CorefileErrors,
  ErrorCollector,
  format,
  formatLine,
  orList,
} from '../../../server/corefile/error.ts'
import { lex } from '../../../server/corefile/lexer.ts'
import { Source } from '../../../server/corefile/source.ts'

/** An error at the token of a text that is `mark`. */
function errorAt(text: string, mark: string, directive?: string): CorefileError {
  const token = lex(new Source('Corefile', text)).find(found => found.text === mark)!
  return new CorefileError('COREFILE_INVALID_VALUE', token, `unknown policy "${mark}", expected random`, { directive })
}

const rows: { name: string; text: string; mark: string; lines: string[] }[] = [
  {
    name: 'caret under the token',
    text: '. {\n  policy fastest # why\n}',
    mark: 'fastest',
    lines: ['  policy fastest # why', '         ^^^^^^^'],
  },
  {
    name: 'tabs stay tabs',
    text: '\tpolicy\tfastest x',
    mark: 'fastest',
    lines: ['\tpolicy\tfastest x', '\t      \t^^^^^^^'],
  },
  { name: 'quotes are part of the token', text: 'a "b c"', mark: 'b c', lines: ['a "b c"', '  ^^^^^'] },
  {
    name: 'a token over several lines is marked in its first',
    text: 'a "b\nc" d',
    mark: 'b\nc',
    lines: ['a "b', '  ^^'],
  },
  { name: 'astral characters take one caret', text: '😀 😀b', mark: '😀b', lines: ['😀 😀b', '  ^^'] },
  { name: 'carriage returns are not shown', text: 'a b\r\n', mark: 'b', lines: ['a b', '  ^'] },
  { name: 'control characters are not printed', text: 'a\u001b[2J b', mark: 'b', lines: ['a\uFFFD[2J b', '      ^'] },
  {
    name: 'long line, token at the start',
    text: `ab ${'x'.repeat(200)}`,
    mark: 'ab',
    lines: [`ab ${'x'.repeat(117)}…`, '^^'],
  },
  {
    name: 'long line, token in the middle',
    text: `${'x'.repeat(100)} ab ${'y'.repeat(100)}`,
    mark: 'ab',
    lines: [`…${'x'.repeat(39)} ab ${'y'.repeat(77)}…`, `${' '.repeat(41)}^^`],
  },
  {
    name: 'long line, token at the end',
    text: `${'x'.repeat(200)} ab`,
    mark: 'ab',
    lines: [`…${'x'.repeat(39)} ab`, `${' '.repeat(41)}^^`],
  },
  {
    name: 'token longer than the window',
    text: 'z'.repeat(300),
    mark: 'z'.repeat(300),
    lines: [`${'z'.repeat(120)}…`, '^'.repeat(120)],
  },
]

for (const row of rows) {
  test(row.name, () => assert.equal(format(errorAt(row.text, row.mark)).split('\n').slice(1), row.lines))
}

test('the first line holds position, directive and text', () => {
  const error = errorAt('. {\n  policy fastest\n}', 'fastest', 'forward')
  assert.is(formatLine(error), 'Corefile:2:10: forward: unknown policy "fastest", expected random')
  assert.is(formatLine(errorAt('a', 'a')), 'Corefile:1:1: unknown policy "a", expected random')
  assert.equal(
    [error.file, error.line, error.column, error.length, error.directive, error.sourceLine],
    ['Corefile', 2, 10, 7, 'forward', '  policy fastest'],
  )
})

test('what an operator wrote cannot break the line or the terminal', () => {
  assert.is(
    formatLine(errorAt('"a\n\u001b[2J"', 'a\n\u001b[2J')),
    'Corefile:1:1: unknown policy "a\\n\uFFFD[2J", expected random',
  )
})

test('several errors are printed one after the other', () => {
  const errors = new CorefileErrors([errorAt('a b', 'a'), errorAt('a b', 'b')])
  assert.is(errors.message, `${format(errors.errors[0]!)}\n${format(errors.errors[1]!)}`)
})

test('the collector keeps one and many, and lets others pass', () => {
  const collector = new ErrorCollector()
  collector.throwIfAny()
  const [a, b] = [errorAt('a', 'a'), errorAt('b', 'b')]
  assert.is(
    collector.run(() => 7),
    7,
  )
  assert.is(
    collector.run(() => {
      throw a
    }),
    undefined,
  )
  assert.is(
    collector.run(() => {
      throw new CorefileErrors([a, b])
    }),
    undefined,
  )
  assert.throws(
    () =>
      collector.run(() => {
        throw new TypeError('other')
      }),
    (error: unknown) => error instanceof TypeError,
  )
  assert.throws(
    () => collector.throwIfAny(),
    (error: unknown) => error instanceof CorefileErrors && error.errors.length === 3,
  )
})

test('lists read as a sentence', () => {
  assert.equal([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(orList), ['nothing', 'a', 'a or b', 'a, b or c'])
})

test('codes are unique, upper-case and have a meaning', () => {
  const codes = COREFILE_ERROR_CODES.map(({ code }) => code)
  assert.is(new Set(codes).size, codes.length)
  for (const { code, meaning } of COREFILE_ERROR_CODES) {
    assert.match(code, /^COREFILE_[A-Z_]+$/)
    assert.match(meaning, /^[a-z].*[^.]$/)
  }
})

test.run()
