import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CorefileError } from '../../../server/corefile/error.ts'
import { lex } from '../../../server/corefile/lexer.ts'
import { Source } from '../../../server/corefile/source.ts'

/** `line:column text`, with `"` before quoted tokens and `>` before those that start a line. */
function tokens(text: string): string[] {
  return lex(new Source('Corefile', text)).map(
    token => `${token.startsLine ? '>' : ''}${token.line}:${token.column} ${token.quoted ? '"' : ''}${token.text}`,
  )
}

const rows: { name: string; text: string; tokens: string[] }[] = [
  { name: 'nothing', text: '', tokens: [] },
  { name: 'blanks only', text: ' \t\n \r\n', tokens: [] },
  { name: 'words and lines', text: 'a b\n  c', tokens: ['>1:1 a', '1:3 b', '>2:3 c'] },
  { name: 'tab counts as one column', text: '\tlog\tx', tokens: ['>1:2 log', '1:6 x'] },
  { name: 'byte order mark', text: '\uFEFFa', tokens: ['>1:1 a'] },
  {
    name: 'Unicode white space splits',
    text: 'a\u00a0b\u0085c\u3000d\u2028e',
    tokens: ['>1:1 a', '1:3 b', '1:5 c', '1:7 d', '1:9 e'],
  },
  { name: 'byte order mark later is text', text: 'a\uFEFFb', tokens: ['>1:1 a\uFEFFb'] },
  { name: 'carriage return at the line end', text: 'a\r\nb\r\n', tokens: ['>1:1 a', '>2:1 b'] },
  { name: 'carriage return inside a token is dropped', text: 'a\rb c', tokens: ['>1:1 ab', '1:5 c'] },
  { name: 'comment line', text: '# x {\na', tokens: ['>2:1 a'] },
  { name: 'comment in the middle of a token', text: 'a#b c\nd', tokens: ['>1:1 a', '>2:1 d'] },
  { name: 'comment at the very end', text: 'a #', tokens: ['>1:1 a'] },
  { name: 'quoted blanks and hash', text: '"a # b" c', tokens: ['>1:1 "a # b', '1:9 c'] },
  { name: 'empty quoted token', text: 'a "" b', tokens: ['>1:1 a', '1:3 "', '1:6 b'] },
  { name: 'escaped quote', text: '"a \\"b\\" c"', tokens: ['>1:1 "a "b" c'] },
  { name: 'other backslashes stay', text: '"a\\n\\d" b', tokens: ['>1:1 "a\\n\\d', '1:9 b'] },
  { name: 'escaped backslash before the closing quote', text: '"a\\\\" b', tokens: ['>1:1 "a\\\\', '1:7 b'] },
  { name: 'backslash before a newline', text: '"a\\\nb" c', tokens: ['>1:1 "a\\\nb', '2:4 c'] },
  { name: 'text right after a quote is a token of that line', text: '"a"b', tokens: ['>1:1 "a', '1:4 b'] },
  { name: 'quote inside a token is literal', text: 'a"b c"', tokens: ['>1:1 a"b', '1:5 c"'] },
  { name: 'newline inside quotes', text: 'x "a\nb" c\nd', tokens: ['>1:1 x', '1:3 "a\nb', '2:4 c', '>3:1 d'] },
  { name: 'quoted token over lines starts its line once', text: '"a\nb" c', tokens: ['>1:1 "a\nb', '2:4 c'] },
  { name: 'carriage return inside quotes stays', text: '"a\r\nb"', tokens: ['>1:1 "a\r\nb'] },
  { name: 'no line continuation', text: 'a \\\nb', tokens: ['>1:1 a', '1:3 \\', '>2:1 b'] },
]

for (const row of rows) {
  test(row.name, () => assert.equal(tokens(row.text), row.tokens))
}

test('braces are braces only alone and unquoted', () => {
  const kinds = lex(new Source('Corefile', '{ } {} a{ "{" {$X}')).map(token => token.kind)
  assert.equal(kinds, ['open', 'close', 'word', 'word', 'word', 'word'])
})

test('length is that of the source, quotes included', () => {
  const [first, second] = lex(new Source('Corefile', '"a \\" b" cd\r\n'))
  assert.is(first?.length, 8)
  assert.is(second?.length, 2)
})

test('unterminated quote is an error at the quote', () => {
  try {
    tokens('a\n b "c\nd')
    assert.unreachable()
  } catch (error) {
    assert.instance(error, CorefileError)
    const { code, line, column, message } = error as CorefileError
    assert.equal([code, line, column], ['COREFILE_UNTERMINATED_QUOTE', 2, 4])
    assert.match(message, 'quote is never closed, expected')
  }
})

test.run()
