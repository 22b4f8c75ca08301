/**
 * DNS messages octet by octet, for names that no text tool carries: dots and NUL within labels, any octet. Names are
 * lists of labels; as text, what is no letter, digit, `-` or `_` is escaped as in a zone file (RFC 1035 §5.1).
 */

export type Labels = readonly Buffer[]

export interface Flags {
  rd: boolean
  /** UDP size of an OPT; no OPT without it. */
  edns?: number
  dnssecOk?: boolean
}

export interface Rr {
  owner: string
  type: number
  ttl: number
  /** Without the serial number of a SOA. */
  data: string
}

export interface Reply {
  rcode: number
  aa: boolean
  tc: boolean
  ra: boolean
  octets: number
  /** The question as it came back, undefined without one. */
  question: string | undefined
  answer: Rr[]
  authority: Rr[]
  /** Without OPT. */
  additional: Rr[]
}

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const

const TYPE_NAMES = new Map<number, string>(Object.entries(TYPE).map(([name, code]) => [code, name]))
export const typeName = (type: number): string => TYPE_NAMES.get(type) ?? `TYPE${type}`

export const RCODE_NAMES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

/** `a.b.c` → labels; no escapes. */
export function labelsOf(text: string): Labels {
  return text
    .replace(/\.$/, '')
    .split('.')
    .filter(label => label !== '')
    .map(label => Buffer.from(label, 'latin1'))
}

export function nameText(labels: Labels): string {
  return labels.length === 0 ? '.' : labels.map(label => `${labelText(label)}.`).join('')
}

/** Octets of the name on the wire. */
export function nameOctets(labels: Labels): number {
  return labels.reduce((sum, label) => sum + label.length + 1, 1)
}

function labelText(label: Buffer): string {
  let text = ''
  for (const octet of label) {
    const char = String.fromCharCode(octet)
    text += /[A-Za-z0-9_*-]/.test(char) ? char : `\\${String(octet).padStart(3, '0')}`
  }
  return text
}

/** A query with id 0; whoever sends it writes its own. */
export function encodeQuery(labels: Labels, type: number, { rd, edns, dnssecOk = false }: Flags): Buffer {
  const parts: Uint8Array[] = [Buffer.from([0, 0, rd ? 1 : 0, 0, 0, 1, 0, 0, 0, 0, 0, edns === undefined ? 0 : 1])]
  parts.push(encodeName(labels), u16(type), u16(1))
  if (edns !== undefined) {
    parts.push(Buffer.from([0]), u16(TYPE.OPT), u16(edns), Buffer.from([0, 0, dnssecOk ? 0x80 : 0, 0, 0, 0]))
  }
  return Buffer.concat(parts)
}

export function encodeName(labels: Labels): Buffer {
  return Buffer.concat([...labels.flatMap(label => [Buffer.from([label.length]), label]), Buffer.from([0])])
}

export function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}

/** @throws RangeError if the message is broken */
export function decodeReply(message: Buffer): Reply {
  const [high, low] = [message.readUInt8(2), message.readUInt8(3)]
  let at = 12
  let question: string | undefined
  if (message.readUInt16BE(4) === 1) {
    const [labels, end] = readName(message, at)
    question = `${nameText(labels)} ${typeName(message.readUInt16BE(end))}`
    at = end + 4
  }
  const section = (count: number): Rr[] => {
    const records: Rr[] = []
    for (let i = 0; i < count; i++) {
      const [record, end] = readRecord(message, at)
      if (record.type !== TYPE.OPT) records.push(record)
      at = end
    }
    return records
  }
  return {
    rcode: low & 15,
    aa: (high & 4) !== 0,
    tc: (high & 2) !== 0,
    ra: (low & 0x80) !== 0,
    octets: message.length,
    question,
    answer: section(message.readUInt16BE(6)),
    authority: section(message.readUInt16BE(8)),
    additional: section(message.readUInt16BE(10)),
  }
}

function readRecord(message: Buffer, from: number): [Rr, number] {
  const [owner, at] = readName(message, from)
  const type = message.readUInt16BE(at)
  const ttl = message.readUInt32BE(at + 4)
  const end = at + 10 + message.readUInt16BE(at + 8)
  if (end > message.length) throw new RangeError('record beyond the message')
  return [{ owner: nameText(owner), type, ttl, data: dataText(message, type, at + 10, end) }, end]
}

function dataText(message: Buffer, type: number, at: number, end: number): string {
  const name = (from: number): string => nameText(readName(message, from)[0])
  switch (type) {
    case TYPE.CNAME:
    case TYPE.NS:
    case TYPE.PTR:
      return name(at)
    case TYPE.SRV:
      return `${message.readUInt16BE(at)} ${message.readUInt16BE(at + 2)} ${message.readUInt16BE(at + 4)} ${name(at + 6)}`
    case TYPE.MX:
      return `${message.readUInt16BE(at)} ${name(at + 2)}`
    case TYPE.SOA: {
      const [mname, rnameAt] = readName(message, at)
      const [rname, numbersAt] = readName(message, rnameAt)
      const timers = [4, 8, 12, 16].map(offset => message.readUInt32BE(numbersAt + offset))
      return `${nameText(mname)} ${nameText(rname)} SERIAL ${timers.join(' ')}`
    }
    case TYPE.A:
      return message.subarray(at, end).join('.')
    default:
      return message.subarray(at, end).toString('hex')
  }
}

const MAX_JUMPS = 126

/** The labels, and where the octets after the name are. */
function readName(message: Buffer, from: number): [Labels, number] {
  const labels: Buffer[] = []
  let end = -1
  let at = from
  for (let jumps = 0; jumps <= MAX_JUMPS; ) {
    const length = message.readUInt8(at)
    if (length === 0) return [labels, end < 0 ? at + 1 : end]
    if (length < 64) {
      if (at + 1 + length > message.length) throw new RangeError('label beyond the message')
      labels.push(message.subarray(at + 1, at + 1 + length))
      at += 1 + length
      continue
    }
    if (end < 0) end = at + 2
    at = message.readUInt16BE(at) & 0x3fff
    jumps++
  }
  throw new RangeError('name without end')
}
