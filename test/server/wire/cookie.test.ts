/** Server cookies: the vectors of RFC 9018 appendix A, and how long one lives. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cookieRoot, isGoodCookie, setCookieRoot, setCookieSecrets, writeCookie } from '../../../server/wire/cookie.ts'
import type { Peer } from '../../../server/wire/query.ts'
import { sipKey } from '../../../server/wire/siphash.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const peerAt = (address: string) => ({ address }) as Peer

/** What a client gets back. `secret`: in place of those of the days. */
function answered(sent: string, address: string, nowS: number, secret?: string): string {
  const out = new Uint8Array(30)
  const cookie = new Uint8Array(24)
  cookie.set(hex(sent))
  const keys = secret === undefined ? undefined : () => sipKey(hex(secret))
  assert.is(writeCookie(cookie, sent.length / 2, peerAt(address), out, 3, nowS, keys), 27)
  return Buffer.from(out.subarray(3, 27)).toString('hex')
}

const SECRET = 'e5e973e5a6b2a43f48e7dc849e37bfcf'
const CLIENT = '2464c4abcf10c957'

for (const { name, address, secret = SECRET, sent, at, gets } of [
  {
    name: 'A.1 learning a new server cookie',
    address: '198.51.100.100',
    sent: CLIENT,
    at: 1559731985,
    gets: '2464c4abcf10c957010000005cf79f111f8130c3eee29480',
  },
  {
    name: 'A.2 the same client, 40 minutes later: renewed',
    address: '198.51.100.100',
    sent: '2464c4abcf10c957010000005cf79f111f8130c3eee29480',
    at: 1559734385,
    gets: '2464c4abcf10c957010000005cf7a871d4a564a1442aca77',
  },
  {
    name: 'A.3 reserved octets that are set: renewed without them',
    address: '203.0.113.203',
    sent: 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5',
    at: 1559734700,
    gets: 'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e',
  },
  {
    name: 'A.4 IPv6, and a secret that has been replaced',
    address: '2001:db8:220:1:59de:d0f4:8769:82b8',
    secret: '445536bcd2513298075a5d379663c962',
    sent: '22681ab97d52c298010000005cf7c57926556bd0934c72f8',
    at: 1559741961,
    gets: '22681ab97d52c298010000005cf7c609a6bb79d16625507a',
  },
]) {
  test(`RFC 9018 ${name}`, () => assert.is(answered(sent, address, at, secret), gets))
}

test('RFC 9018 A.3, A.4: as they were when they were made, they come back as they are', () => {
  for (const [sent, address, secret] of [
    ['fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5', '203.0.113.203', SECRET],
    [
      '22681ab97d52c298010000005cf7c57926556bd0934c72f8',
      '2001:db8:220:1:59de:d0f4:8769:82b8',
      'dd3bdf9344b678b185a6f5cb60fca715',
    ],
  ] as const) {
    assert.is(answered(sent, address, Number.parseInt(sent.slice(24, 32), 16) + 60, secret), sent)
  }
})

test('RFC 9018 §4.3: good for an hour, from five minutes before its time, at one address', () => {
  const cookie = hex('2464c4abcf10c957010000005cf79f111f8130c3eee29480')
  const madeS = 1559731985
  const isGood = (afterS: number, address = '198.51.100.100') =>
    isGoodCookie(cookie, peerAt(address), madeS + afterS, () => sipKey(hex(SECRET)))
  assert.equal(
    [-301, -300, 0, 1801, 3600, 3601].map(afterS => isGood(afterS)),
    [false, true, true, true, true, false],
  )
  assert.is(isGood(0, '198.51.100.101'), false)
})

const NOON = Date.UTC(2026, 10, 27, 12) / 1000
const ME = '192.0.2.9'

for (const { after, isKept } of [
  { after: 0, isKept: true },
  { after: 1800, isKept: true },
  { after: 1801, isKept: false },
  { after: 7200, isKept: false },
  { after: -300, isKept: true },
  { after: -301, isKept: false },
]) {
  test(`${after} s after it was made, it ${isKept ? 'comes back' : 'is replaced'}`, () => {
    const first = answered(CLIENT, ME, NOON)
    const second = answered(first, ME, NOON + after)
    assert.is(second === first, isKept)
    assert.is(second.slice(0, 24), `${CLIENT}01000000`)
    if (!isKept) assert.is(answered(second, ME, NOON + after), second)
  })
}

for (const { name, change, from = ME } of [
  { name: 'from another address', change: (cookie: string) => cookie, from: '192.0.2.10' },
  { name: 'with another hash', change: (cookie: string) => `${cookie.slice(0, 47)}${cookie[47] === '0' ? '1' : '0'}` },
  {
    name: 'with another time',
    change: (cookie: string) => cookie.replace(/^(.{31})./, (_, head) => `${head}${cookie[31] === '0' ? '1' : '0'}`),
  },
  { name: 'with another client cookie', change: (cookie: string) => `00${cookie.slice(2)}` },
  { name: 'of another version', change: (cookie: string) => cookie.replace(/^(.{16})01/, '$102') },
  { name: 'of nobody', change: () => `${CLIENT}${'0'.repeat(32)}` },
]) {
  test(`one ${name} is replaced`, () => {
    const foreign = change(answered(CLIENT, ME, NOON))
    const fresh = answered(foreign, from, NOON)
    assert.is.not(fresh, foreign)
    assert.is(fresh, answered(foreign.slice(0, 16), from, NOON))
  })
}

test('a secret lasts a day, and what was made with the one before is good', () => {
  const midnight = Date.UTC(2026, 10, 28) / 1000
  const late = answered(CLIENT, ME, midnight - 1)
  assert.is(answered(late, ME, midnight + 60), late)
  // A time of the day before, hashed with the secret of the day after: made only by who has neither.
  const secrets: number[] = []
  const out = new Uint8Array(24)
  const ask = (nowS: number, cookie: string) =>
    writeCookie(hex(cookie), cookie.length / 2, peerAt(ME), out, 0, nowS, day => {
      secrets.push(day)
      return sipKey(hex(SECRET))
    })
  ask(midnight + 60, late)
  ask(midnight - 60, CLIENT)
  const today = midnight / 86_400
  assert.equal(secrets, [today - 1, today, today - 1], 'that of its time; a fresh one; a fresh one the day before')
})

test('threads with one root know each other’s cookies, others do not', () => {
  const own = Uint8Array.from(cookieRoot())
  const cookie = answered(CLIENT, ME, NOON)
  setCookieRoot(new Uint8Array(32))
  assert.is.not(answered(cookie, ME, NOON), cookie)
  setCookieRoot(own)
  assert.is(answered(cookie, ME, NOON), cookie)
})

test('secrets that are configured: the first makes cookies, each is good, and servers that have them agree', () => {
  const [first, second] = [hex(SECRET), hex('445536bcd2513298075a5d379663c962')]
  try {
    setCookieSecrets([first])
    const old = answered(CLIENT, ME, NOON)
    setCookieSecrets([second, first])
    assert.is(answered(old, ME, NOON + 60), old)
    const fresh = answered(CLIENT, ME, NOON)
    assert.is.not(fresh, old)
    setCookieSecrets([second])
    assert.is(answered(fresh, ME, NOON + 60), fresh)
    assert.is(answered(old, ME, NOON), fresh, 'the secret of the old one is gone')
    setCookieSecrets([])
    assert.is.not(answered(fresh, ME, NOON), fresh)
  } finally {
    setCookieSecrets([])
  }
})

test('a connection that is gone has no address any more', () => {
  const cookie = answered(CLIENT, '', NOON)
  assert.is(cookie.slice(0, 24), `${CLIENT}01000000`)
  assert.is.not(cookie, answered(CLIENT, ME, NOON))
})

test('the same address, as text and as octets', () => {
  const address = hex('c0000209')
  const writeAddress = (into: Uint8Array, at: number) => {
    into.set(address, at)
    return address.length
  }
  const octets = { writeAddress } as unknown as Peer
  const out = new Uint8Array(24)
  writeCookie(hex(CLIENT), 8, octets, out, 0, NOON)
  assert.is(Buffer.from(out).toString('hex'), answered(CLIENT, ME, NOON))
})

test.run()
