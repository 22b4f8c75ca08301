/** Which events are news, once thousands of changes came while a list was compared. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RecentVersions } from '../../../../plugins/kubernetes/informer/recent-versions.ts'

const COUNT = 60_000

test('a comparison among 60,000 changes ends at once, and what is remembered is what changed last', () => {
  const versions = new RecentVersions()
  versions.listed('100')
  assert.ok(versions.beginComparison())
  for (let i = 1; i <= COUNT; i++) versions.accept(`a/${i}`, `${100 + i}`, false)
  const startMs = performance.now()
  versions.endComparison()
  const tookMs = performance.now() - startMs
  assert.ok(tookMs < 60, `it took ${tookMs} ms`)
  assert.is(versions.accept(`a/${COUNT}`, `${100 + COUNT}`, false), false)
  assert.is(versions.accept(`a/${COUNT - 1023}`, `${100 + COUNT - 1023}`, true), true)
  assert.is(versions.accept('a/of-old', `${100 + COUNT - 1024}`, false), false)
  assert.is(versions.accept('a/new', `${101 + COUNT}`, false), true)
})

test.run()
