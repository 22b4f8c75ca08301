/** Names without end, and answers as large as they get: what is asked for again stays, and memory has a bound. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { families } from '../../../server/metrics.ts'
import { QUESTION, type Query } from '../../../server/plugin.ts'
import { RCODE, TYPE } from '../../../server/wire/codes.ts'
import { liveBytes } from '../../harness/live-memory.ts'
import { query } from '../../harness/message.ts'
import { ADDRESS, address, cached, count, denial } from './backend.ts'

const HOT = 200
const RANDOM = 30_000 // six seconds of 5,000 a second, three times what is kept
const BETWEEN = 10 // random names between two hot ones
const MIB = 1 << 20

const isHot = (q: Query) => q.qnameText.startsWith('hot')
const hot = Array.from({ length: HOT }, (_, i) => query(`hot${i}.example.org`))

/** Asks for the hot names once, then among random ones; gives the share of hot ones that the cache had. */
async function hitRate(send: (message: Uint8Array) => Promise<Uint8Array>, hotMisses: () => number, random: number) {
  for (const message of hot) await send(message)
  const before = hotMisses()
  let asked = 0
  for (let i = 0; i < random; i++) {
    await send(query(`r${i}-${i * 7919}.example.org`))
    if (i % BETWEEN === 0) await send(hot[asked++ % HOT]!)
  }
  return 1 - (hotMisses() - before) / asked
}

for (const { name, respond } of [
  { name: 'that do not exist', respond: denial(RCODE.NXDOMAIN, 300) },
  { name: 'that a wildcard answers', respond: address(300) },
  { name: 'that fail', respond: (q: Query) => Object.assign(q.answer.reset(), { rcode: RCODE.SERVFAIL }) },
]) {
  test(`#36 ${RANDOM} random names ${name}: hot names are hit as before, memory stays`, async () => {
    let misses = 0
    const hotAnswer = address(3600)
    const { send } = cached('cache', q => {
      if (!isHot(q)) return respond(q)
      misses++
      return hotAnswer(q)
    })
    await hitRate(send, () => misses, 1000)
    const before = liveBytes()
    const rate = await hitRate(send, () => misses, RANDOM)
    ok(rate >= 0.95, `hit rate ${rate}`)
    const grownBytes = liveBytes() - before
    ok(grownBytes < 32 * MIB, `${grownBytes / MIB} MiB more`)
  })
}

/** So many addresses that an entry is beyond its share of octets, or a little within it. */
const addresses = (count: number) => (q: Query) => {
  const a = q.answer.reset()
  for (let i = 0; i < count; i++) a.answer.add(QUESTION, 0, TYPE.A, 3600, Uint8Array.of(192, 0, 2, i))
  return a
}

for (const { name, hotAddresses, others } of [
  { name: 'large ones, among small ones', hotAddresses: 80, others: 1 },
  { name: 'large ones, among others that fill all octets', hotAddresses: 80, others: 46 },
  { name: 'small ones, among large ones', hotAddresses: 1, others: 200 },
  { name: 'large ones, among large ones', hotAddresses: 80, others: 200 },
]) {
  test(`#36 hot names are hit as before: ${name}`, async () => {
    let misses = 0
    const { send } = cached('cache', q => {
      if (!isHot(q)) return addresses(others)(q)
      misses++
      return addresses(hotAddresses)(q)
    })
    const rate = await hitRate(send, () => misses, RANDOM)
    ok(rate >= 0.99, `hit rate ${rate}`)
  })
}

test('#36 denials have a limit of their own: a flood of them drives out no answer', async () => {
  let misses = 0
  const positive = address(3600)
  const negative = denial(RCODE.NXDOMAIN, 300)
  const { send } = cached('cache {\nsuccess 1000\ndenial 100\n}', q => {
    if (!isHot(q)) return negative(q)
    misses++
    return positive(q)
  })
  for (const message of hot) await send(message)
  for (let i = 0; i < 5000; i++) await send(query(`r${i}.example.org`))
  for (const message of hot) await send(message)
  equal(misses, HOT)
})

test('#37 2,000 answers of 60 KiB: what is kept is bounded by octets', async () => {
  const large = (q: Query) => {
    const a = q.answer.reset()
    for (let i = 0; i < 3600; i++) a.answer.add(QUESTION, 0, TYPE.A, 300, ADDRESS)
    return a
  }
  const { send, backend } = cached('cache', large)
  const before = liveBytes()
  for (let i = 0; i < 2000; i++) await send(query(`n${i}.example.org`))
  const grownBytes = liveBytes() - before
  ok(grownBytes < 24 * MIB, `${grownBytes / MIB} MiB more, 117 MiB were answered`)
  for (let i = 1990; i < 2000; i++) await send(query(`n${i}.example.org`))
  equal(backend.asked, 2000, 'the latest are kept')
})

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

for (const { name, pick, least } of [
  { name: 'uniformly', pick: uniform, least: 0.99 },
  { name: 'by Zipf', pick: zipf, least: 0.97 },
]) {
  test(`#36 five times as many random names, answers and denials, and hot ones that are asked ${name}`, async () => {
    let asked = 0
    const { send } = cached('cache', q => {
      asked++
      return isHot(q) || random() < 0.5 ? address(3600)(q) : denial(RCODE.NXDOMAIN, 3600)(q)
    })
    for (const message of hot) await send(message)
    const rounds = 12_000
    let hits = 0
    for (let i = 0; i < rounds; i++) {
      for (let j = 0; j < 5; j++) await send(query(`r${i}-${j}-${Math.floor(random() * 1e9)}.example.org`))
      const before = asked
      await send(hot[pick()]!)
      if (asked === before) hits++
    }
    ok(hits / rounds > least, `${hits} of ${rounds} were hits`)
  })
}

test('#37 replies of 64 KB among hot names: both are kept, as far as octets reach', async () => {
  const zone = 'large.test.'
  let asked = 0
  const { send, stages } = cached(`cache ${zone}`, q => {
    asked++
    if (isHot(q)) return address(3600)(q)
    const a = q.answer.reset()
    for (let i = 0; i < 64; i++) a.answer.add(QUESTION, 0, TYPE.A, 3600, new Uint8Array(1000))
    return a
  })
  stages[0]!.start!(undefined)
  const small = Array.from({ length: HOT }, (_, i) => query(`hot${i}.${zone}`))
  for (const message of small) await send(message)
  let hits = 0
  const rounds = 2000
  for (let i = 0; i < rounds; i++) {
    await send(query(`l${i}.${zone}`))
    const before = asked
    await send(small[uniform()]!)
    if (asked === before) hits++
  }
  ok(hits / rounds > 0.97, `${hits} of ${rounds} were hits`)
  families.get('coredns_cache_entries')!.refresh!()
  const large = count('coredns_cache_entries', 'dns://:53', 'success', zone, '') - HOT
  ok(large > 100 && large <= (10_000 * 1024) / 64_000, `${large} large replies`)
  await stages[0]!.stop!()
})

test.run()
