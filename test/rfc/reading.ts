/**
 * Replies as an independent reader (dns-packet) reads them: as text to compare whole, and held to what is true of every reply,
 * whatever was asked.
 */
import { equal, ok } from 'node:assert/strict'
import { decode } from 'dns-packet'
import { readReply, recordText } from '../harness/message.ts'

export type Transport = 'udp' | 'tcp'

export const HEADER_BYTES = 12
/** What a server without `bufsize` takes, and the most that it sends over UDP. */
export const OWN_SIZE = 1232
const FLAGS = ['aa', 'tc', 'rd', 'ra', 'ad', 'cd'] as const
const RCODES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  9: 'NOTAUTH',
  16: 'BADVERS',
  23: 'BADCOOKIE',
}

interface OptRecord {
  name: string
  type: 'OPT'
  udpPayloadSize: number
  extendedRcode: number
  ednsVersion: number
  flags: number
  options: { code: number; data: Buffer }[]
}

export interface Read {
  readonly octets: Uint8Array
  readonly rcode: string
  readonly opcode: number
  readonly opt: OptRecord | undefined
  readonly isHeaderAlone: boolean
  /** Records of answer, authority and additional section, the OPT left out. */
  readonly sections: readonly [unknown[], unknown[], unknown[]]
}

/** What a reply says. Throws where dns-packet cannot read it. */
export function read(octets: Uint8Array): Read {
  const header = Buffer.from(octets)
  const packet = readReply(octets) as unknown as Record<'answers' | 'authorities' | 'additionals', { type: string }[]>
  const opt = packet.additionals.find(({ type }) => type === 'OPT') as OptRecord | undefined
  const rcode = (header[3]! & 15) | ((opt?.extendedRcode ?? 0) << 4)
  return {
    octets,
    rcode: RCODES[rcode] ?? `RCODE${rcode}`,
    opcode: (header[2]! >> 3) & 15,
    opt,
    isHeaderAlone: octets.length === HEADER_BYTES,
    sections: [packet.answers, packet.authorities, packet.additionals.filter(({ type }) => type !== 'OPT')],
  }
}

/**
 * A reply as text: rcode and flags, `(header)` where there is nothing else; the OPT with its size, DO and options; the records.
 * Serial numbers are left out.
 */
export function shown(octets: Uint8Array): string {
  const { rcode, opcode, opt, isHeaderAlone, sections } = read(octets)
  const packet = readReply(octets) as unknown as Record<string, boolean>
  const flags = FLAGS.filter(flag => packet[`flag_${flag}`])
  const lines = [
    [rcode, ...(opcode === 0 ? [] : [`opcode ${opcode}`]), ...flags, ...(isHeaderAlone ? ['(header)'] : [])].join(' '),
  ]
  if (opt !== undefined) {
    const bits = opt.flags === 0 ? [] : opt.flags === 0x8000 ? ['do'] : [`flags ${opt.flags.toString(16)}`]
    const version = opt.ednsVersion === 0 ? [] : [`version ${opt.ednsVersion}`]
    lines.push([`;; OPT ${opt.udpPayloadSize}`, ...version, ...bits, ...opt.options.map(optionText)].join(' '))
  }
  for (const [i, title] of ['ANSWER', 'AUTHORITY', 'ADDITIONAL'].entries()) {
    const records = sections[i]!
    if (records.length > 0) lines.push(`;; ${title}`, ...records.map(recordText))
  }
  return lines.join('\n').replaceAll(/(\. hostmaster\S*) \d+ /g, '$1 SERIAL ')
}

/** `ede=20` and the like; of a cookie its lengths alone, for its octets are those of the client and of chance. */
function optionText({ code, data }: { code: number; data: Buffer }): string {
  switch (code) {
    case 3:
      return `nsid=${data}`
    case 10:
      return `cookie=8+${data.length - 8}`
    case 11:
      return `keepalive=${data.toString('hex')}`
    case 15:
      return `ede=${data.readUInt16BE()}`
    default:
      return `option${code}=${data.toString('hex')}`
  }
}

/** Fails where the reply breaks what holds for each reply to each query over each transport. */
export function holds(query: Uint8Array, octets: Uint8Array, over: Transport, ownSize = OWN_SIZE): void {
  const asked = Buffer.from(query)
  const header = Buffer.from(octets)
  const { opt, isHeaderAlone, sections, opcode } = read(octets)
  equal(header.readUInt16BE(0), asked.readUInt16BE(0), 'the id')
  ok((header[2]! & 0x80) !== 0, 'QR is set')
  equal(opcode, (asked[2]! >> 3) & 15, 'the opcode')
  ok((header[3]! & 0x40) === 0, 'Z is clear')
  ok((header[3]! & 0x20) === 0, 'AD is clear: nothing was validated')
  ok(!(header[2]! & 2) || over === 'udp', 'TC belongs to UDP')
  equal((decode as typeof decode & { bytes: number }).bytes, octets.length, 'no octet behind the last record')
  const questions = header.readUInt16BE(4)
  equal(questions, isHeaderAlone ? 0 : asked.readUInt16BE(4), 'QDCOUNT')
  for (const [i, at] of [6, 8, 10].entries()) {
    const counted = sections[i]!.length + (i === 2 && opt !== undefined ? 1 : 0)
    equal(header.readUInt16BE(at), counted, 'a count is that of the records')
  }
  if (questions === 1) {
    const end = questionEnd(asked)
    equal(
      header.toString('hex', HEADER_BYTES, end),
      asked.toString('hex', HEADER_BYTES, end),
      'the question as it came',
    )
  }
  const askedOpt = optOf(asked)
  if (opt === undefined) ok(isHeaderAlone || askedOpt === undefined, 'an OPT where one was sent')
  else holdsOpt(opt, askedOpt, ownSize)
  const most = over === 'tcp' ? 65_535 : Math.max(512, Math.min(askedOpt?.udpPayloadSize ?? 512, ownSize))
  ok(octets.length <= most, `${octets.length} octets over ${over}, at most ${most}`)
  if (over === 'udp') ok(octets.length <= Math.max(512, 25 * asked.length), 'at most 25 times the query')
  for (const record of sections.flat() as { ttl: number }[]) ok(record.ttl < 2 ** 31, 'TTLs are below 2^31')
}

/** The OPT of a reply: one that was asked for, this server's own, version 0, no flag but DO, no option twice. */
function holdsOpt(opt: OptRecord, asked: OptRecord | undefined, ownSize: number): void {
  ok(asked !== undefined, 'an OPT only where one was sent')
  equal(opt.name, '.', 'the owner of an OPT')
  equal(opt.ednsVersion, 0, 'the version')
  equal(opt.udpPayloadSize, ownSize, 'the size is our own')
  ok(opt.flags === 0 || (opt.flags === 0x8000 && (asked.flags & 0x8000) !== 0), 'no flag but a DO that was asked for')
  const codes = opt.options.map(({ code }) => code)
  equal(new Set(codes).size, codes.length, 'no option twice')
}

/** The OPT of a query; of one that dns-packet cannot read, what stands where an OPT begins. */
function optOf(asked: Buffer): OptRecord | undefined {
  try {
    const { additionals = [] } = readReply(asked)
    return additionals.find(({ type }) => type === 'OPT') as unknown as OptRecord | undefined
  } catch {
    const at = asked.indexOf(Buffer.of(0, 0, 41))
    if (at < 0) return undefined
    return { udpPayloadSize: asked.readUInt16BE(at + 3), flags: asked.readUInt16BE(at + 7) } as OptRecord
  }
}

/** Where the first question ends. */
function questionEnd(message: Buffer): number {
  let at = HEADER_BYTES
  while (message[at] !== 0) at += message[at]! + 1
  return at + 5
}
