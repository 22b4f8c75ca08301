/**
 * Takes the place of the sockets that `forward` asks through: an upstream that answers at once, never, or wrongly first. What
 * it does stands in the first letter of the name that it is asked for.
 */
import type { DatagramEvents, Datagrams, Ends } from '../../plugins/forward/transport/datagram.ts'

/** Octets of all that it said. */
export const said = { octets: 0 }

const HEADER_BYTES = 12
const TYPE = { A: 1, CNAME: 5, SOA: 6 }
const ADDRESS = Uint8Array.of(192, 0, 2, 7)
const ALIAS = Buffer.from('\x05other\x07example\0', 'latin1')
const SOA = Buffer.concat([new Uint8Array(2), Buffer.alloc(20, 1)])
const MANY = 40

export function openNative(_ends: Ends, events: DatagramEvents): Datagrams {
  let waiting: Uint8Array[] = []
  let isOpen = true
  return {
    usable: true,
    send: (message, length) => {
      waiting.push(message.slice(0, length))
    },
    flush: () => {
      const asked = waiting
      waiting = []
      queueMicrotask(() => {
        for (const one of asked) {
          for (const reply of repliesTo(one)) {
            said.octets += reply.length
            if (isOpen) events.message(reply, 0, reply.length)
          }
        }
      })
    },
    close: () => {
      isOpen = false
    },
  }
}

function repliesTo(query: Uint8Array): Uint8Array[] {
  const qtype = questionType(query)
  const address = () => (qtype === TYPE.A ? reply(query, 0, [record(TYPE.A, ADDRESS)]) : reply(query, 0, [], true))
  switch (String.fromCharCode((query[HEADER_BYTES + 1] ?? 0) | 0x20)) {
    case 'n': // never
      return []
    case 'x':
      return [reply(query, 3, [], true)]
    case 's':
      return [reply(query, 2, [])]
    case 'r':
      return [reply(query, 5, [])]
    case 'c': {
      const owner = Uint8Array.of(0xc0, questionEnd(query) + 12)
      return [reply(query, 0, [record(TYPE.CNAME, ALIAS), record(TYPE.A, ADDRESS, owner)])]
    }
    case 'm':
      return [qtype === TYPE.A ? reply(query, 0, Array(MANY).fill(record(qtype, ADDRESS))) : address()]
    case 'j': {
      const sound = address()
      const other = sound.slice()
      other[0]! ^= 1
      return [other, sound.subarray(0, 20), query, new Uint8Array(0), sound]
    }
    case 'f': // it does not read EDNS
      return [query[11] === 0 ? address() : reply(query, 1, []).subarray(0, HEADER_BYTES)]
    case 'b': // and what it sends is broken
      return [address().subarray(0, -1), address()]
    default:
      return [address()]
  }
}

function questionEnd(query: Uint8Array): number {
  let at = HEADER_BYTES
  while (query[at]! > 0) at += query[at]! + 1
  return at + 5
}

function questionType(query: Uint8Array): number {
  const end = questionEnd(query)
  return (query[end - 4]! << 8) | query[end - 3]!
}

function reply(query: Uint8Array, rcode: number, answers: readonly Uint8Array[], isDenial = false): Uint8Array {
  const head = query.slice(0, questionEnd(query))
  head[2] = 0x80 | (head[2]! & 1)
  head[3] = 0x80 | rcode
  head.fill(0, 6, HEADER_BYTES)
  head[7] = answers.length
  head[9] = isDenial ? 1 : 0
  return Buffer.concat([head, ...answers, ...(isDenial ? [record(TYPE.SOA, SOA, Uint8Array.of(0))] : [])])
}

function record(type: number, data: Uint8Array, owner = Uint8Array.of(0xc0, HEADER_BYTES)): Uint8Array {
  const head = Buffer.from([type >> 8, type & 255, 0, 1, 0, 0, 0, 60, data.length >> 8, data.length & 255])
  return Buffer.concat([owner, head, data])
}
