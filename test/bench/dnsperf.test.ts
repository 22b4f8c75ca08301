import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { argumentsOf, readTold } from '../../bench/dnsperf.ts'

const test = suite('bench/dnsperf')

const TOLD = `
Statistics:

  Queries sent:         302199
  Queries completed:    302190 (100.00%)
  Queries lost:         9 (0.00%)

  Response codes:       NOERROR 256861 (85.00%), NXDOMAIN 45329 (15.00%)
  Average packet size:  request 52, response 110
  Run time (s):         2.000644
  Queries per second:   151050.861623

  Average Latency (s):  0.000966 (min 0.000009, max 0.008722)
`

test('what dnsperf says at its end', () => {
  assert.equal(readTold(TOLD), {
    queriesPerS: 151050.861623,
    completed: 302190,
    lost: 9,
    rcodes: new Map([
      ['NOERROR', 256861],
      ['NXDOMAIN', 45329],
    ]),
    replyBytes: 110,
  })
})

test('a run without a reply has none, and one that ends early is an error', () => {
  assert.is(readTold('  Queries completed:    0 (0.00%)\n').completed, 0)
  assert.throws(() => readTold('Segmentation fault'), /tells nothing of its queries: Segmentation fault/)
})

test('a load becomes arguments', () => {
  const target = { name: 'sextant', address: '127.0.0.1', port: 1053, pid: 1 }
  const least = argumentsOf(target, { file: 'f', seconds: 3 }).join(' ')
  assert.is(least, '-s 127.0.0.1 -p 1053 -d f -l 3 -T 1 -c 8 -q 500 -t 2')
  const load = { file: 'f', seconds: 3, clients: 1, outstanding: 9, pace: 100, passes: 1, tcp: true, binary: true }
  assert.is(
    argumentsOf(target, load).join(' '),
    '-s 127.0.0.1 -p 1053 -d f -l 3 -T 1 -c 1 -q 9 -t 2 -Q 100 -n 1 -m tcp -B',
  )
})

test.run()
