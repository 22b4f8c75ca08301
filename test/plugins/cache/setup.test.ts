import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../../plugins/cache/cache.ts'
import { corefileFailure } from '../../harness/corefile-failure.ts'
import { chainOf } from '../../harness/stage.ts'

for (const body of [
  'cache',
  'cache 30',
  'cache 30 cluster.local 10.0.0.0/8',
  'cache example.org',
  'cache 30 {\ndisable success cluster.local\ndisable denial cluster.local\n}',
  'cache {\nsuccess 5000 3600 5\ndenial 2500 1800 5\nprefetch 10 1h 10%\nserve_stale 1h verify\nservfail 0s\nkeepttl\n}',
  'cache {\nserve_stale\nserve_stale_policy prefer_positive\n}',
  'cache {\nserve_stale 24h immediate 0s 5m\n}',
  'cache {\nserve_stale 24h Immediate\nserve_stale_policy PREFER_POSITIVE\n}',
  'cache {\nserve_stale 24h verify 500ms 30s 10s\n}',
]) {
  test(`good: ${body.replaceAll('\n', ' ')}`, () => {
    assert.ok(chainOf([plugin], body).stages[0]!.handle)
  })
}

for (const { body, at, says } of [
  { body: 'cache 0', at: '2:7', says: 'invalid ttl "0", expected a whole number from 1 to 2147483647' },
  { body: 'cache -5', at: '2:7', says: 'invalid ttl "-5"' },
  { body: 'cache\ncache', at: '3:1', says: 'used again' },
  { body: 'cache a..b', at: '2:7', says: '' },
  { body: 'cache {\nsucces 10\n}', at: '3:1', says: 'unknown property "succes"' },
  { body: 'cache {\nsuccess\n}', at: '3:1', says: 'missing argument' },
  { body: 'cache {\nsuccess -1\n}', at: '3:9', says: 'invalid capacity "-1"' },
  { body: 'cache {\nsuccess 10 0\n}', at: '3:12', says: 'invalid ttl "0"' },
  { body: 'cache {\ndenial 10 10 x\n}', at: '3:14', says: 'invalid minimum ttl "x"' },
  { body: 'cache {\nprefetch\n}', at: '3:1', says: 'missing argument' },
  { body: 'cache {\nprefetch 1 1m 5%\n}', at: '3:15', says: 'invalid percentage "5%", expected 10% to 90%' },
  { body: 'cache {\nprefetch 1 1m 50\n}', at: '3:15', says: 'invalid percentage "50"' },
  { body: 'cache {\nprefetch 1 soon\n}', at: '3:12', says: 'invalid duration "soon"' },
  { body: 'cache {\nserve_stale 1h later\n}', at: '3:16', says: 'unknown mode "later", expected immediate or verify' },
  {
    body: 'cache {\nserve_stale 1h immediate 1500ms\n}',
    at: '3:26',
    says: 'invalid ttl "1500ms", expected whole seconds',
  },
  { body: 'cache {\nserve_stale 1h immediate 1s 6m\n}', at: '3:29', says: 'invalid interval "6m"' },
  { body: 'cache {\nserve_stale 1h immediate 1s 1m 1s\n}', at: '3:32', says: 'surplus argument "1s"' },
  { body: 'cache {\nserve_stale_policy prefer_positive\n}', at: '3:1', says: 'without serve_stale' },
  { body: 'cache {\nserve_stale\nserve_stale_policy nothing\n}', at: '4:20', says: 'unknown policy "nothing"' },
  {
    body: 'cache {\nserve_stale\nserve_stale_policy prefer_positive\nserve_stale_policy prefer_positive\n}',
    at: '5:1',
    says: 'stands in line 4 already',
  },
  { body: 'cache {\nserve_stale 1h verify 600h\n}', at: '3:23', says: 'invalid timeout "600h", expected' },
  { body: 'cache {\nservfail 6m\n}', at: '3:10', says: 'invalid duration "6m", expected at least 0s and at most 5m' },
  { body: 'cache {\ndisable maybe\n}', at: '3:9', says: 'unknown kind "maybe", expected success or denial' },
  { body: 'cache {\nkeepttl yes\n}', at: '3:9', says: 'surplus argument' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

test.run()
