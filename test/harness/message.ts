/** Messages for tests: queries made and replies read with dns-packet, an encoder and reader that is not ours. */
import { decode, encode, type Packet } from 'dns-packet'

export interface Ask {
  type?: string
  class?: string
  id?: number
  /** Header bits: rd is set unless `rd: false`. */
  rd?: boolean
  cd?: boolean
  ad?: boolean
  /** UDP size of an OPT; no OPT without it. */
  edns?: number
  dnssecOk?: boolean
}

/** The octets of a query for `name`. */
export function query(name: string, ask: Ask = {}): Buffer {
  const { type = 'A', id = 0x4b38, edns } = ask
  const flags = (ask.rd === false ? 0 : 0x100) | (ask.cd ? 0x10 : 0) | (ask.ad ? 0x20 : 0)
  const opt = { type: 'OPT', name: '.', udpPayloadSize: edns, flags: ask.dnssecOk ? 0x8000 : 0, options: [] }
  return encode({
    type: 'query',
    id,
    flags,
    questions: [{ name, type, class: ask.class ?? 'IN' }],
    ...(edns !== undefined && { additionals: [opt] }),
  } as unknown as Packet)
}

/** dns-packet's view of a message, with the fields that its types leave out. */
export type Reply = Packet & { rcode: string; flag_aa: boolean; flag_tc: boolean; flag_rd: boolean; flag_ra: boolean }

export function readReply(octets: Uint8Array): Reply {
  return decode(Buffer.from(octets)) as unknown as Reply
}

// biome-ignore lint/suspicious/noExplicitAny: dns-packet's record types do not admit unknown types
export function recordText(record: any): string {
  const { data } = record
  const head = `${record.name === '.' || record.name === '' ? '.' : `${record.name}.`} ${record.ttl} ${record.class} ${record.type}`
  switch (record.type) {
    case 'SRV':
      return `${head} ${data.priority} ${data.weight} ${data.port} ${data.target}.`
    case 'SOA':
      return `${head} ${data.mname}. ${data.rname}. ${data.serial} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}`
    case 'MX':
      return `${head} ${data.preference} ${data.exchange}.`
    case 'TXT':
      return `${head} ${[data]
        .flat()
        .map((part: Buffer | string) => JSON.stringify(part.toString()))
        .join(' ')}`
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return `${head} ${data}.`
    default:
      return `${head} ${Buffer.isBuffer(data) ? data.toString('hex') : typeof data === 'string' ? data : JSON.stringify(data)}`
  }
}

/**
 * A reply as zone-file text to compare whole: a line with rcode and flags, then the records of the three sections under
 * `;; ANSWER`, `;; AUTHORITY`, `;; ADDITIONAL` (empty ones left out, OPT left out).
 */
export function replyText(octets: Uint8Array): string {
  const reply = readReply(octets)
  const flags = (['aa', 'tc', 'rd', 'ra', 'ad', 'cd'] as const).filter(
    flag => (reply as unknown as Record<string, boolean>)[`flag_${flag}`],
  )
  const lines = [[reply.rcode, ...flags].join(' ')]
  for (const [title, records] of [
    ['ANSWER', reply.answers],
    ['AUTHORITY', reply.authorities],
    ['ADDITIONAL', reply.additionals],
  ] as const) {
    const shown = (records ?? []).filter(record => record.type !== 'OPT')
    if (shown.length > 0) lines.push(`;; ${title}`, ...shown.map(recordText))
  }
  return lines.join('\n')
}

/** Template text without its indentation and outer blank lines, to write expected replies in place. */
export function text(parts: TemplateStringsArray, ...values: unknown[]): string {
  return String.raw(parts, ...values)
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .join('\n')
}
