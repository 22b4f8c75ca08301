/** What the Corefile says about comparisons. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../../../plugins/kubernetes/kubernetes.ts'
import { corefileFailure } from '../../../harness/corefile-failure.ts'
import { chainOf } from '../../../harness/stage.ts'
import { settingsOf } from '../cluster.ts'

const test = suite('compare')

for (const { name, body, is } of [
  { name: 'ten minutes without it', body: '', is: 600_000 },
  { name: 'a time', body: 'compare 90s', is: 90_000 },
  { name: 'off', body: 'compare 0', is: 0 },
  { name: 'off, with a unit', body: 'compare 0s', is: 0 },
]) {
  test(name, () => {
    const { source } = settingsOf('cluster.local', body)
    assert.is('api' in source && source.api.compareMs, is)
  })
}

for (const { name, body, at, says } of [
  {
    name: 'too often',
    body: 'compare 59s',
    at: '3:9',
    says: /^invalid time "59s", expected at least 1m and at most 24h/,
  },
  {
    name: 'too seldom',
    body: 'compare 25h',
    at: '3:9',
    says: /^invalid time "25h", expected at least 1m and at most 24h/,
  },
  {
    name: 'without a unit',
    body: 'compare 10',
    at: '3:9',
    says: /^invalid time "10", expected a duration with a unit/,
  },
  { name: 'without a time', body: 'compare', at: '3:1', says: /expected 1/ },
]) {
  test(`refused: ${name}`, () => {
    const { line, column, message } = corefileFailure(() => chainOf([plugin], `kubernetes cluster.local {\n${body}\n}`))
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test.run()
