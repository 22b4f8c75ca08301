/** RFC 7873 and RFC 9018, DNS Cookies. They are handed out and renewed; nobody is refused for want of one. */
import { equal, notEqual } from 'node:assert/strict'
import { suite } from 'uvu'
import { overUdp } from './exchange.ts'
import { octetsOf, option } from './message.ts'
import { probe, type Row } from './probe.ts'
import { read, shown } from './reading.ts'
import { ANSWERED, FORMERR_OPT, withOpt } from './replies.ts'

const test = suite('RFC 7873')
const COOKIE = 10
const CLIENT = '1122334455667788'
const STRANGE = '31'.repeat(16)
const cookie = (data: string) => ({ opt: { options: option(COOKIE, data) } })
const FRESH = withOpt(ANSWERED, 'cookie=8+16')

function cookieOf(octets: Uint8Array): string {
  return read(octets)
    .opt!.options.find(({ code }) => code === COOKIE)!
    .data.toString('hex')
}

/** The client part comes back; the server part is not the one that was sent. */
function isFresh(octets: Uint8Array): void {
  const data = cookieOf(octets)
  equal(data.slice(0, 16), CLIENT)
  notEqual(data.slice(16), STRANGE)
  equal(data.slice(16, 24), '01000000', 'version and reserved octets (RFC 9018 §4.1, §4.2)')
}

const rows: Row[] = [
  {
    id: 'F20',
    level: 'M',
    source: 'RFC 7873 §5.2.3',
    what: 'a client cookie comes back with a server cookie',
    ask: cookie(CLIENT),
    is: FRESH,
    also: isFresh,
  },
  ...[0, 1, 7, 9, 15, 41, 64].map(
    (octets): Row => ({
      id: 'F21',
      level: 'M',
      source: 'RFC 7873 §5.2.2',
      what: `a cookie of ${octets} octets is FORMERR`,
      ask: cookie('31'.repeat(octets)),
      is: FORMERR_OPT,
    }),
  ),
  ...[16, 24, 40].map(
    (octets): Row => ({
      id: 'F22',
      level: 'M',
      source: 'RFC 7873 §5.2.4',
      what: `a server cookie of ${octets - 8} octets that is not ours: the answer, and a fresh one`,
      ask: cookie(CLIENT + '31'.repeat(octets - 8)),
      is: FRESH,
      also: isFresh,
    }),
  ),
  {
    id: 'F18',
    level: 'M',
    source: 'RFC 7873 §5.2',
    what: 'of five cookies the first one is answered',
    ask: {
      opt: { options: [CLIENT, ...Array(4).fill('99'.repeat(8))].map(data => option(COOKIE, data)).join('') },
    },
    is: FRESH,
    also: isFresh,
  },
  {
    id: 'F18',
    level: 'M',
    source: 'RFC 7873 §5.2',
    what: 'a second one of an illegal length does not matter',
    ask: { opt: { options: option(COOKIE, CLIENT) + option(COOKIE, '31') } },
    is: FRESH,
    also: isFresh,
  },
  {
    id: 'C2',
    level: 'S',
    source: 'RFC 7873 §5.4',
    what: 'no question and a client cookie: NOERROR and a cookie',
    ask: { question: '', ...cookie(CLIENT) },
    is: 'NOERROR rd\n;; OPT 1232 cookie=8+16',
    also: isFresh,
  },
  ...[16, 24, 40].map(
    (octets): Row => ({
      id: 'C2',
      level: 'S',
      source: 'RFC 7873 §5.4',
      what: `no question and a server cookie of ${octets - 8} octets that is not ours: BADCOOKIE and a good one`,
      ask: { question: '', ...cookie(CLIENT + '31'.repeat(octets - 8)) },
      is: 'BADCOOKIE rd\n;; OPT 1232 cookie=8+16',
      also: isFresh,
    }),
  ),
  {
    id: 'F20',
    level: 'M',
    source: 'RFC 7873 §5.2.1',
    what: 'no cookie in, no cookie out',
    ask: { opt: {} },
    is: withOpt(ANSWERED),
  },
]
const made = probe(test, rows)

test('F23 S RFC 7873 §5.2.5: the server cookie that was handed out is good, at this address alone', async () => {
  const { port } = made.world.server
  const first = cookieOf((await overUdp(octetsOf(cookie(CLIENT)), port, false))!)
  equal(cookieOf((await overUdp(octetsOf(cookie(first)), port, false))!), first)
  const other = `aabbccddeeff0011${first.slice(16)}`
  notEqual(cookieOf((await overUdp(octetsOf(cookie(other)), port, false))!).slice(16), first.slice(16))
})

test('C2 S RFC 7873 §5.4: no question and a good server cookie: NOERROR and that cookie', async () => {
  const { port } = made.world.server
  const first = cookieOf((await overUdp(octetsOf(cookie(CLIENT)), port, false))!)
  const reply = (await overUdp(octetsOf({ question: '', ...cookie(first) }), port, false))!
  equal(shown(reply), 'NOERROR rd\n;; OPT 1232 cookie=8+16')
  equal(cookieOf(reply), first)
})

test.run()
