import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { didYouMean, suggest } from '../../../server/corefile/suggest.ts'

const plugins = ['bind', 'cache', 'errors', 'forward', 'health', 'kubernetes', 'log', 'loop', 'prometheus', 'ready']

const rows: { name: string; word: string; suggestion: string | undefined }[] = [
  { name: 'letter missing', word: 'promethus', suggestion: 'prometheus' },
  { name: 'letter too many', word: 'cachee', suggestion: 'cache' },
  { name: 'letter wrong', word: 'kubernetis', suggestion: 'kubernetes' },
  { name: 'neighbours swapped', word: 'fowrard', suggestion: 'forward' },
  { name: 'two slips in a long word', word: 'kubernets1', suggestion: 'kubernetes' },
  { name: 'wrong case', word: 'LOG', suggestion: 'log' },
  { name: 'one slip in a short word', word: 'lop', suggestion: 'log' },
  { name: 'two slips in a short word', word: 'lxx', suggestion: undefined },
  { name: 'three slips', word: 'kobarnatas', suggestion: undefined },
  { name: 'nothing alike', word: 'hosts', suggestion: undefined },
  { name: 'empty', word: '', suggestion: undefined },
  { name: 'very long', word: 'x'.repeat(100_000), suggestion: undefined },
]
for (const row of rows) test(row.name, () => assert.is(suggest(row.word, plugins), row.suggestion))

test('the hint goes after the word', () => {
  assert.is(`unknown "chache"${didYouMean('chache', plugins)}`, 'unknown "chache" (did you mean "cache"?)')
  assert.is(didYouMean('xyz', plugins), '')
})

test.run()
