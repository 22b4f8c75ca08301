/** What random names, denials and large replies leave of the names that are asked all the time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { families } from '../../../server/metrics.ts'
import { QUESTION, type Query } from '../../../server/plugin.ts'
import { RCODE, TYPE } from '../../../server/wire/codes.ts'
import { query } from '../../harness/message.ts'
import { address, cached, count, denial, stopTheClock } from './backend.ts'

stopTheClock()

const HOT = 1000
const CAPACITY = 10_000 // the default
const FLOOD_PER_HOT = 5

let seed = 11
function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const uniform = () => Math.floor(random() * HOT)
/** Rank r comes up with a chance that goes with 1 / r. */
const zipf = (() => {
  const sums = [0]
  for (let rank = 1; rank <= HOT; rank++) sums.push(sums[rank - 1]! + 1 / rank)
  return () => {
    const at = random() * sums.at(-1)!
    return sums.findIndex(sum => sum > at) - 1
  }
})()

const entries = (type: string, zone: string) => {
  families.get('coredns_cache_entries')!.refresh!()
  return count('coredns_cache_entries', 'dns://:53', type, zone, '')
}

/** Hot names have an address; of others every second has none, unless it is large. */
function respond(q: Query) {
  if (q.qname[1] === 'h'.charCodeAt(0)) return address(3600)(q)
  if (q.qname[1] === 'n'.charCodeAt(0)) return denial(RCODE.NXDOMAIN, 3600)(q)
  if (q.qname[1] !== 'l'.charCodeAt(0)) return address(3600)(q)
  const a = q.answer.reset()
  for (let i = 0; i < 64; i++) a.answer.add(QUESTION, 0, TYPE.A, 3600, new Uint8Array(1000))
  return a
}

async function scenario(zone: string) {
  const { send, stages, backend } = cached(`cache ${zone}`, respond)
  stages[0]!.start!(undefined)
  const ask = (name: string) => send(query(`${name}.${zone}`))
  for (let i = 0; i < HOT; i++) await ask(`h${i}`)
  let cold = 0
  return {
    stage: stages[0]!,
    flood: (letter: string) => ask(`${letter}${cold++}-${Math.floor(random() * 1e9)}`),
    /** False if the backend was asked. */
    hit: async (i: number) => {
      const { asked } = backend
      await ask(`h${i}`)
      return backend.asked === asked
    },
  }
}

for (const [name, pick, rounds] of [
  ['uniformly', uniform, 12_000],
  ['by Zipf', zipf, 12_000],
] as const) {
  test(`under five times as many random names, names that are asked ${name} stay`, async () => {
    const zone = `${name.slice(-4).toLowerCase()}.test.`
    const { stage, flood, hit } = await scenario(zone)
    let hits = 0
    for (let i = 0; i < rounds; i++) {
      for (let j = 0; j < FLOOD_PER_HOT; j++) await flood(random() < 0.5 ? 'n' : 'p')
      if (await hit(pick())) hits++
    }
    assert.ok(hits / rounds > 0.97, `${hits} of ${rounds} were hits`)
    assert.is(entries('success', zone), CAPACITY)
    assert.is(entries('denial', zone), CAPACITY)
    await stage.stop!()
  })
}

test('denials take no room of answers', async () => {
  const { stage, flood, hit } = await scenario('denials.test.')
  for (let i = 0; i < 3 * CAPACITY; i++) await flood('n')
  assert.is(entries('success', 'denials.test.'), HOT)
  for (let i = 0; i < HOT; i++) assert.ok(await hit(i))
  await stage.stop!()
})

test('replies of 64 KB are bounded by octets, and leave what is asked for', async () => {
  const { stage, flood, hit } = await scenario('large.test.')
  const rounds = 2000
  let hits = 0
  for (let i = 0; i < rounds; i++) {
    await flood('l')
    for (let j = 0; j < 2; j++) if (await hit(uniform())) hits++
  }
  assert.ok(hits / (2 * rounds) > 0.97, `${hits} of ${2 * rounds} were hits`)
  // 10,000 KiB, of which the hot ones have less than 1,000 × 192 octets.
  const large = entries('success', 'large.test.') - HOT
  assert.ok(large > 100 && large <= (CAPACITY * 1024) / 64_000, `${large} large replies`)
  await stage.stop!()
})

test.run()
