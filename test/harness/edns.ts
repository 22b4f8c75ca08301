/** EDNS for tests: options put into queries and read from replies octet by octet, as no library shows all of them. */

export type Option = readonly [code: number, data: Uint8Array]

export const EMPTY = new Uint8Array(0)
const HEADER_BYTES = 12
const OPT = 41
const EXTENDED_ERROR = 15

/** A query, a question and nothing else, with an OPT that has these options. */
export function withOptions(question: Uint8Array, options: readonly Option[], udpSize = 1232, version = 0): Buffer {
  const data = Buffer.concat(
    options.map(([code, octets]) => Buffer.concat([uint16(code), uint16(octets.length), Buffer.from(octets)])),
  )
  const opt = [Buffer.of(0, 0, OPT), uint16(udpSize), Buffer.of(0, version, 0, 0), uint16(data.length), data]
  const message = Buffer.concat([question, ...opt])
  message[11] = 1
  return message
}

const uint16 = (value: number) => Buffer.of(value >> 8, value & 255)

/** What a reply's OPT says. */
export interface Opt {
  readonly udpSize: number
  /** The upper 8 bits. */
  readonly rcode: number
  readonly version: number
  readonly dnssecOk: boolean
  /** The other bits of the flags. */
  readonly flags: number
  readonly options: readonly [code: number, data: Buffer][]
}

/** The OPT of a message, undefined if there is none. @throws Error if there are two, or one that is no OPT */
export function optOf(message: Uint8Array): Opt | undefined {
  const bytes = Buffer.from(message)
  let at = HEADER_BYTES
  for (let i = bytes.readUInt16BE(4); i > 0; i--) at = nameEnd(bytes, at) + 4
  let found: Opt | undefined
  for (let i = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10); i > 0; i--) {
    const typeAt = nameEnd(bytes, at)
    const length = bytes.readUInt16BE(typeAt + 8)
    if (bytes.readUInt16BE(typeAt) === OPT) {
      if (found !== undefined) throw new Error('two OPTs')
      if (typeAt !== at + 1) throw new Error('an OPT that is not at the root')
      const flags = bytes.readUInt16BE(typeAt + 6)
      found = {
        udpSize: bytes.readUInt16BE(typeAt + 2),
        rcode: bytes[typeAt + 4]!,
        version: bytes[typeAt + 5]!,
        dnssecOk: (flags & 0x8000) !== 0,
        flags: flags & 0x7fff,
        options: readOptions(bytes.subarray(typeAt + 10, typeAt + 10 + length)),
      }
    }
    at = typeAt + 10 + length
  }
  if (at !== bytes.length) throw new Error(`records end at ${at} of ${bytes.length} octets`)
  return found
}

/** The options of a message's OPT, in order; none where there is no OPT. */
export function optionsOf(message: Uint8Array): Opt['options'] {
  return optOf(message)?.options ?? []
}

/** The first option of a code. */
export function optionOf(message: Uint8Array, code: number): Buffer | undefined {
  return optionsOf(message).find(([of]) => of === code)?.[1]
}

function readOptions(data: Buffer): [number, Buffer][] {
  const options: [number, Buffer][] = []
  for (let at = 0; at < data.length; ) {
    const length = data.readUInt16BE(at + 2)
    if (at + 4 + length > data.length) throw new Error('an option that goes on behind its OPT')
    options.push([data.readUInt16BE(at), data.subarray(at + 4, at + 4 + length)])
    at += 4 + length
  }
  return options
}

function nameEnd(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at]! > 0 && bytes[at]! < 0xc0) at += bytes[at]! + 1
  return at + (bytes[at] === 0 ? 1 : 2)
}

/** The extended errors of a message (RFC 8914 §2), in order. */
export function errorsOf(message: Uint8Array): { code: number; text: string }[] {
  const found = optionsOf(message).filter(([code]) => code === EXTENDED_ERROR)
  return found.map(([, data]) => ({ code: data.readUInt16BE(), text: data.toString('latin1', 2) }))
}
