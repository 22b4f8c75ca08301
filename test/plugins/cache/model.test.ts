/**
 * Any order of questions, answers that come late, failures and time: each reply is checked against what the backend is known
 * to have said, and when.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, QUESTION, type Query } from '../../../server/plugin.ts'
import { RCODE, TYPE } from '../../../server/wire/codes.ts'
import { query, readReply } from '../../harness/message.ts'
import { cached, pass, servfail, stopTheClock } from './backend.ts'

stopTheClock()

const STEPS = 6000
const NAMES = 10
const STALE_S = 60
const ROOT = Uint8Array.of(0)

/** What the backend said: to whom, when, for how long. Its number is in the data. */
interface Said {
  key: string
  atS: number
  ttl: number
}

interface Shown {
  ttl: number
  number: number
  isStale: boolean
}

let seed = 5
function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
  return (seed >>> 8) % below
}

/** An address, seventy of them, or a denial, with a number. */
function say(q: Query, number: number, ttl: number): Answer {
  const a = q.answer.reset()
  const octets = [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255]
  if (random(2) === 0) {
    const count = 1 + random(2) * 70
    for (let i = 0; i < count; i++) a.answer.add(QUESTION, 0, TYPE.A, ttl, Uint8Array.from(octets))
    return a
  }
  a.rcode = random(2) === 0 ? RCODE.NXDOMAIN : RCODE.NOERROR
  const soa = Uint8Array.from([0, 0, ...octets, ...Array(12).fill(0), 0, 0, 1, 0])
  a.authority.add(ROOT, 0, TYPE.SOA, ttl, soa)
  return a
}

/** What a reply shows, undefined for a failure. */
function shownIn(octets: Uint8Array): Shown | undefined {
  const { rcode, answers, authorities, additionals } = readReply(octets) as {
    rcode?: string
    answers?: { ttl: number; data: string }[]
    authorities?: { ttl: number; data: { serial: number } }[]
    additionals?: unknown[]
  }
  if (rcode === 'SERVFAIL') return undefined
  const address = answers![0]
  const number = address?.data.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
  const { options } = additionals![0] as { options: { code: number }[] }
  return {
    ttl: (address ?? authorities![0])!.ttl,
    number: number ?? authorities![0]!.data.serial,
    isStale: options.some(({ code }) => code === 15),
  }
}

for (const body of [
  'cache',
  'cache {\nserve_stale 60s immediate\n}',
  'cache {\nserve_stale 60s verify\n}',
  'cache {\nsuccess 5\ndenial 3\nserve_stale 60s immediate 30s 4s\nprefetch 1 1h 50%\n}',
  'cache {\nserve_stale 60s verify 0s 30s 5s\nprefetch 2 1h 50%\n}',
  'cache {\nserve_stale 60s verify\nserve_stale_policy prefer_positive\nprefetch 1 1h 90%\n}',
]) {
  test(`nothing is older than it may be, or shows another age: ${body.replaceAll('\n', ' ')}`, async () => {
    let nowS = 0
    const said: Said[] = []
    const late: (() => void)[] = []
    const { send } = cached(body, q => {
      const answer = () => {
        if (random(8) === 0) return servfail(q)
        const ttl = random(12)
        said.push({ key: q.qnameText, atS: nowS, ttl })
        return say(q, said.length - 1, ttl)
      }
      if (random(3) > 0) return answer()
      return new Promise(resolve => late.push(() => resolve(answer())))
    })
    const turn = () => new Promise(resolve => setImmediate(resolve))
    const seen = { fresh: 0, stale: 0 }
    const check = (key: string, askedS: number, octets: Uint8Array) => {
      const shown = shownIn(octets)
      if (shown === undefined) return
      const { key: of, atS, ttl } = said[shown.number]!
      assert.is(of, key)
      const ageS = Math.max(0, askedS - atS)
      if (shown.isStale) {
        assert.ok(ageS >= ttl && ageS < ttl + STALE_S, `${ageS} s, ${STALE_S} s beyond ${ttl} at most`)
        assert.is(shown.ttl, 30)
        seen.stale++
      } else {
        assert.is(shown.ttl, ttl - ageS)
        assert.ok(ageS === 0 || shown.ttl > 0)
        if (ageS > 0) seen.fresh++
      }
    }
    const open: Promise<() => void>[] = []
    const finish = async () => {
      for (; late.length > 0; await turn()) late.pop()!()
      for (const checked of await Promise.all(open.splice(0))) checked()
    }
    for (let step = 0; step < STEPS; step++) {
      const what = random(10)
      if (what < 3) {
        const seconds = random(20) === 0 ? random(90) : random(4)
        nowS += seconds
        pass(seconds)
      } else if (what < 5 && late.length > 0) {
        late.splice(random(late.length), 1)[0]!()
        await turn()
      } else {
        const key = `n${random(NAMES)}.`
        const askedS = nowS
        open.push(send(query(key, { edns: 1232 }), true).then(octets => () => check(key, askedS, octets)))
      }
      if (step % 200 === 0) await finish()
    }
    await finish()
    assert.ok(seen.fresh > 300, `${seen.fresh}`)
    assert.ok(body.includes('stale') ? seen.stale > 100 : seen.stale === 0, `${seen.stale}`)
  })
}

test.run()
