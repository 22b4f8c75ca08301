/** Names without end, and answers as large as they get: what is asked for again stays, and memory has a bound. */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { QUESTION, type Query } from '../../../server/plugin.ts'
import { RCODE, TYPE } from '../../../server/wire/codes.ts'
import { liveBytes } from '../../harness/live-memory.ts'
import { query } from '../../harness/message.ts'
import { ADDRESS, address, cached, denial } from './backend.ts'

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

test.run()
