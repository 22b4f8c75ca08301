/**
 * Messages of the standards' tests as they are sent: from parts, each of which may be wrong, or octet by octet. Nothing of the
 * server makes them.
 */
import { CLASS, TYPE } from '../../server/wire/codes.ts'

export interface Opt {
  /** UDP size, 1,232 where none is given. */
  size?: number
  version?: number
  /** The 16 bits with DO. */
  flags?: number
  /** Hex: code, length, data of each. */
  options?: string
  /** Hex of the owner, the root where none is given. */
  owner?: string
  /** RDLENGTH, where it is not the options' length. */
  length?: number
}

export interface Parts {
  id?: number
  /** The header's second word, RD alone where none is given. */
  flags?: number
  /** QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT, where they are not those of what follows. */
  counts?: readonly [number, number, number, number]
  /** As text, or in hex as it stands in the message. */
  name?: string | { hex: string }
  type?: keyof typeof TYPE | number
  class?: keyof typeof CLASS | number
  /** Hex of what stands in place of name, type and class. */
  question?: string
  /** Hex of records behind the question, to be counted by `counts`. */
  records?: string
  /** Hex of records before the OPT, counted by `counts` where there are any. */
  opt?: Opt | readonly Opt[]
  /** Hex of what follows the message. */
  behind?: string
}

/** A message in hex, `<K>` being the name of `kubernetes.default`; or its parts. */
export type Message = string | Parts

export const ID = 0x4b38
export const Z = 'cluster.local'
export const K = `kubernetes.default.svc.${Z}`

/** A name as it stands in a message. */
export function wireName(text: string): Buffer {
  const labels = text === '.' || text === '' ? [] : text.replace(/\.$/, '').split('.')
  return Buffer.concat([...labels.map(label => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.of(0)])
}

const octets = (hex: string) => Buffer.from(hex.replaceAll(/\s/g, '').replaceAll('<K>', K_HEX), 'hex')
const K_HEX = wireName(K).toString('hex')
const word = (value: number) => value.toString(16).padStart(4, '0')

/** The octets of a message. */
export function octetsOf(message: Message): Buffer {
  if (typeof message === 'string') return octets(message)
  const { id = ID, flags = 0x0100, name = K, type = 'A', class: qclass = 'IN' } = message
  const owner = typeof name === 'string' ? wireName(name).toString('hex') : name.hex
  const asked = owner + word(codeOf(TYPE, type)) + word(codeOf(CLASS, qclass))
  const opts = [message.opt ?? []].flat()
  const counts = message.counts ?? [message.question === '' ? 0 : 1, 0, 0, opts.length]
  return Buffer.concat([
    octets([id, flags, ...counts].map(word).join('')),
    octets(message.question ?? asked),
    octets(message.records ?? ''),
    ...opts.map(optRecord),
    octets(message.behind ?? ''),
  ])
}

function codeOf<T extends Record<string, number>>(table: T, code: keyof T | number): number {
  return typeof code === 'number' ? code : table[code]!
}

function optRecord({ size = 1232, version = 0, flags = 0, options = '', owner = '00', length }: Opt): Buffer {
  const data = octets(options)
  const fixed = `${owner}0029${word(size)}00${version.toString(16).padStart(2, '0')}${word(flags)}`
  return Buffer.concat([octets(fixed + word(length ?? data.length)), data])
}

/** An EDNS option in hex. */
export function option(code: number, data = ''): string {
  return word(code) + word(octets(data).length) + data
}
