/** Headless services with more endpoints than a message holds: what is sent, and whose turn it is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Json } from '../../../plugins/kubernetes/object/object.ts'
import { query, type Reply, readReply } from '../../harness/message.ts'
import { type Cluster, clusterOf, namespace, service, slice } from './cluster.ts'

const ENDPOINTS = 10_000
const PER_SLICE = 100
const NAME = 'wide.prod.svc.cluster.local'
const SRV = '_http._tcp.wide.prod.svc.cluster.local'

const address = (i: number): string => `10.${200 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`
const sliceOf = (n: number, of = (i: number) => address(i)): Json =>
  slice(
    `wide-${n}.prod`,
    'wide',
    Array.from({ length: PER_SLICE }, (_, i) => of(n * PER_SLICE + i)),
    ['http:tcp:80'],
  )

function wide(slices: readonly Json[]): Cluster {
  return clusterOf({ body: 'ttl 30', objects: [namespace('prod'), service('wide.prod', []), ...slices] })
}

const all = wide(Array.from({ length: ENDPOINTS / PER_SLICE }, (_, n) => sliceOf(n)))

async function ask(cluster: Cluster, name: string, type: string, stream: boolean, edns?: number): Promise<Reply> {
  return readReply(await cluster.send(query(name, { type, ...(edns && { edns }) }), stream))
}

interface Case {
  name: string
  ask: string
  type: string
  stream: boolean
  edns?: number
  atLeast: number
}

const cases: Case[] = [
  { name: 'UDP without EDNS', ask: NAME, type: 'A', stream: false, atLeast: 28 },
  { name: 'UDP with 1,232 octets', ask: NAME, type: 'A', stream: false, edns: 1232, atLeast: 70 },
  { name: 'TCP: as many as 65,535 octets hold', ask: NAME, type: 'A', stream: true, atLeast: 4_090 },
  { name: 'SRV over UDP', ask: SRV, type: 'SRV', stream: false, edns: 1232, atLeast: 15 },
  { name: 'SRV over TCP', ask: SRV, type: 'SRV', stream: true, atLeast: 900 },
]
for (const { name, ask: asked, type, stream, edns, atLeast } of cases) {
  test(`${name}: TC, as many different records as fit`, async () => {
    const reply = await ask(all, asked, type, stream, edns)
    assert.ok(reply.flag_tc)
    assert.is(reply.rcode, 'NOERROR')
    const data = (reply.answers ?? []).map(record => JSON.stringify((record as { data: unknown }).data))
    assert.ok(data.length >= atLeast, `${data.length} records`)
    assert.is(new Set(data).size, data.length)
  })
}

test('each of 10,000 endpoints comes first as often as any other', async () => {
  const ROUNDS = 30_000
  const BUCKETS = 100
  const firsts = new Array<number>(BUCKETS).fill(0)
  for (let i = 0; i < ROUNDS; i++) {
    const octets = await all.send(query(NAME))
    // The first record's data stands behind the question, a pointer, type, class, TTL and length.
    const at = 12 + NAME.length + 2 + 4 + 12
    const n = ((octets[at + 1]! - 200) << 16) | (octets[at + 2]! << 8) | octets[at + 3]!
    assert.ok(n < ENDPOINTS)
    firsts[Math.floor((n * BUCKETS) / ENDPOINTS)]!++
  }
  const expected = ROUNDS / BUCKETS
  const chiSquare = firsts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
  // 99 degrees of freedom: above 180 once in 10^6 runs.
  assert.ok(chiSquare < 180, `chi-square ${chiSquare.toFixed(1)}`)
})

test('addresses that stand in several slices are sent once, and all of them', async () => {
  // 6,000 addresses counted with repeats, which no message holds; 100 without.
  const same = Array.from({ length: 60 }, (_, n) => sliceOf(n, i => address(i % PER_SLICE)))
  const reply = await ask(wide(same), NAME, 'A', true)
  const found = (reply.answers ?? []).map(record => (record as { data: unknown }).data)
  assert.not(reply.flag_tc)
  assert.is(found.length, PER_SLICE)
  assert.is(new Set(found).size, PER_SLICE)
})

test('a change of one endpoint is in the next answer', async () => {
  const cluster = wide([sliceOf(0)])
  cluster.put(sliceOf(0, i => address(i === 0 ? 77_777 : i)))
  const reply = await ask(cluster, NAME, 'A', true)
  const found = (reply.answers ?? []).map(record => (record as { data: unknown }).data)
  assert.ok(found.includes(address(77_777)))
  assert.not(found.includes(address(0)))
})

test.run()
