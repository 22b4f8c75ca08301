/** Replies of every kind that the server has, fetched as octets, and kdig's words for the same questions. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { framed } from '../harness/frames.ts'
import { Stream } from '../rfc/exchange.ts'
import { type Message, octetsOf, option, type Parts } from '../rfc/message.ts'
import type { Part } from './pcap.ts'

const ANSWER_MS = 10_000
const MAX_NAME = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(47)}.cluster.local`
const COOKIE = option(10, '1122334455667788')
const NSID = option(3)
const KEEPALIVE = option(11)
/** Makes a query so long that 25 times its octets are more than 1,232. */
const PADDING = option(12, '00'.repeat(40))

export interface Kind {
  readonly name: string
  readonly ask: Message
  readonly over: 'udp' | 'tcp'
  /** The rcode, extended where there is an OPT. */
  readonly rcode: number
  /** kdig's arguments for the same question, if it can ask it. */
  readonly kdig?: string
  /** More than one message comes. */
  readonly isTransfer?: boolean
}

const WEB = 'web.default.svc.cluster.local'
const kind = (name: string, ask: Message, kdig?: string, rcode = 0, over: Kind['over'] = 'udp'): Kind => ({
  name,
  ask,
  over,
  rcode,
  ...(kdig !== undefined && { kdig }),
})
const tcp = (name: string, ask: Parts, kdig?: string, rcode = 0) => kind(name, ask, kdig, rcode, 'tcp')

/** Of the world of the end-to-end tests, with `big.test` beside it and `dead.test`, whose upstream is not there. */
export const KINDS: readonly Kind[] = [
  kind('A', { name: WEB }, `${WEB} A`),
  kind('A with EDNS', { name: WEB, opt: {} }, `${WEB} A +edns`),
  kind('A, forwarded', { name: 'www.example.test', opt: {} }, 'www.example.test A +edns'),
  kind('AAAA, forwarded', { name: 'www.example.test', type: 'AAAA', opt: {} }, 'www.example.test AAAA +edns'),
  kind('A of a headless service', { name: 'peers.default.svc.cluster.local' }, 'peers.default.svc.cluster.local A'),
  kind(
    'SRV with addresses',
    { name: '_http._tcp.peers.default.svc.cluster.local', type: 'SRV', opt: {} },
    '_http._tcp.peers.default.svc.cluster.local SRV +edns',
  ),
  kind('PTR', { name: '1.10.96.10.in-addr.arpa', type: 'PTR' }, '1.10.96.10.in-addr.arpa PTR'),
  kind('PTR, forwarded', { name: '1.100.51.198.in-addr.arpa', type: 'PTR' }, '1.100.51.198.in-addr.arpa PTR'),
  kind('TXT', { name: 'dns-version.cluster.local', type: 'TXT' }, 'dns-version.cluster.local TXT'),
  kind('SOA', { name: 'cluster.local', type: 'SOA', opt: {} }, 'cluster.local SOA +edns'),
  kind('NS with addresses', { name: 'cluster.local', type: 'NS', opt: {} }, 'cluster.local NS +edns'),
  kind(
    'CNAME and what it leads to',
    { name: 'outside.default.svc.cluster.local' },
    'outside.default.svc.cluster.local A',
  ),
  kind('CNAME, forwarded', { name: 'alias.example.test' }, 'alias.example.test A'),
  kind('HINFO', { name: WEB, type: 'ANY' }, `${WEB} ANY`),
  kind(
    'NXDOMAIN',
    { name: 'missing.default.svc.cluster.local', opt: {} },
    'missing.default.svc.cluster.local A +edns',
    3,
  ),
  kind('NODATA', { name: WEB, type: 'MX', opt: {} }, `${WEB} MX +edns`),
  kind('an unknown type', { name: WEB, type: 65_535 }, `${WEB} TYPE65535`),
  kind('mixed case', { name: 'WeB.deFault.SVC.cluster.local' }, 'WeB.deFault.SVC.cluster.local A'),
  kind('REFUSED with an extended error', { class: 'HS', opt: {} }, undefined, 5),
  kind('REFUSED without', { class: 'HS' }, undefined, 5),
  kind('SERVFAIL with an extended error', { name: 'www.dead.test', opt: {} }, 'www.dead.test A +edns', 2),
  kind('a failure that is kept', { name: 'www.dead.test', opt: {} }, undefined, 2),
  kind('a cookie', { name: WEB, opt: { options: COOKIE } }, `${WEB} A +cookie=1122334455667788`),
  kind('a cookie alone', { question: '', opt: { options: COOKIE } }),
  kind('NSID', { name: WEB, opt: { options: NSID } }, `${WEB} A +nsid`),
  tcp('keepalive', { name: WEB, opt: { options: KEEPALIVE } }, `${WEB} A +tcp +edns`),
  tcp(
    'all options',
    { name: WEB, opt: { options: COOKIE + NSID + KEEPALIVE, flags: 0x8000 } },
    `${WEB} A +tcp +nsid +dnssec`,
  ),
  kind('the version', { name: 'version.bind', type: 'TXT', class: 'CH', opt: {} }, 'version.bind TXT CH +edns'),
  kind('BADVERS', { name: WEB, opt: { version: 1 } }, undefined, 16),
  kind('FORMERR', { name: WEB, counts: [2, 0, 0, 0] }, undefined, 1),
  kind('FORMERR of a broken OPT', { name: WEB, opt: [{}, {}] }, undefined, 1),
  kind('NOTIMP', { name: WEB, flags: 0x2000 }, undefined, 4),
  kind('NOTIMP of a header', '4b38 7800 0000 0000 0000 0000', undefined, 4),
  kind('a maximal name', { name: MAX_NAME, opt: {} }, `${MAX_NAME} A +edns`, 3),
  kind('cut at 512', { name: 'many.big.test' }, 'many.big.test A +noedns +ignore'),
  kind('cut at 1,232', { name: 'many.big.test', opt: { options: PADDING } }, 'many.big.test A +bufsize=4096 +ignore'),
  kind('1,232 octets', { name: 'a999999999.big.test', opt: { options: PADDING } }),
  tcp('120 addresses', { name: 'many.big.test' }, 'many.big.test A +tcp'),
  tcp('64,000 octets', { name: 'lots.big.test', opt: {} }, 'lots.big.test A +tcp'),
  tcp('65,535 octets, cut', { name: 'over.big.test' }, 'over.big.test A +tcp +ignore'),
  tcp('a long text, forwarded', { name: 'long.example.test', type: 'TXT' }, 'long.example.test TXT +tcp'),
  { ...tcp('a zone', { name: 'cluster.local', type: 'AXFR' }, 'cluster.local AXFR'), isTransfer: true },
]

/** The addresses of `big.test`. */
export function bigHosts(): string {
  const sets = { many: 120, lots: 4000, over: 4100, a999999999: 74 }
  const lines = Object.entries(sets).flatMap(([name, count]) =>
    Array.from({ length: count }, (_, i) => `10.200.${i >> 8}.${i & 255} ${name}.big.test`),
  )
  return `${lines.join('\n')}\n`
}

/** The query of a kind, with an id of its own, and what came back. */
export async function fetchReplies(ip: string, port = 53): Promise<{ kind: Kind; parts: Part[] }[]> {
  const fetched: { kind: Kind; parts: Part[] }[] = []
  for (const [i, each] of KINDS.entries()) {
    const query = octetsOf(each.ask)
    query.writeUInt16BE(0x1000 + i)
    const replies = each.over === 'udp' ? [await datagram(query, ip, port)] : await stream(query, ip, port, each)
    const parts = replies.map(message => ({ toServer: false, message }))
    fetched.push({ kind: each, parts: [{ toServer: true, message: query }, ...parts] })
  }
  return fetched
}

async function datagram(query: Uint8Array, ip: string, port: number): Promise<Buffer> {
  const socket = createSocket('udp4')
  try {
    socket.send(query, port, ip)
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })) as [Buffer]
    return reply
  } finally {
    socket.close()
  }
}

/** One message, or those of a zone: its client closes its side, and the server closes when all is said. */
async function stream(query: Uint8Array, ip: string, port: number, { isTransfer }: Kind): Promise<Buffer[]> {
  const connection = await Stream.open(port, ip)
  try {
    if (isTransfer) connection.socket.end(framed(query))
    else connection.write(framed(query))
    const replies: Buffer[] = []
    for (;;) {
      const reply = await connection.next()
      if (reply !== undefined) replies.push(reply)
      if (reply === undefined || !isTransfer) return replies
    }
  } finally {
    connection.close()
  }
}
