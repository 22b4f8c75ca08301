/** A client in the process of the server: messages go through `serve` without a socket, their replies nowhere. */
import { Routes } from '../../server/route.ts'
import { serve, takeQuery } from '../../server/serve.ts'
import { FLAG } from '../../server/wire/codes.ts'
import type { Peer } from '../../server/wire/query.ts'
import type { Case } from './harness.ts'

const ADDRESS = Uint8Array.of(192, 0, 2, 9)
const peer: Peer = {
  address: '192.0.2.9',
  port: 40_000,
  family: 4,
  localAddress: '192.0.2.1',
  keep: () => peer,
  send: () => {},
  writeAddress(into, at) {
    into.set(ADDRESS, at) // as the batched listener has it
    return ADDRESS.length
  },
}
const q = takeQuery()
q.bytes = new Uint8Array(65_535)
q.start = 0
q.capacity = 65_535
q.peer = peer

function copyIn(message: Uint8Array): void {
  for (let i = 0; i < message.length; i++) q.bytes[i] = message[i]!
  q.length = message.length
}

/** Puts one message through `serve`, as if it had come at `atMs`. Octets of the reply, which stand in `reply` until the next. */
export function put(routes: Routes, message: Uint8Array, atMs: number): { octets: number; reply: Uint8Array } {
  copyIn(message)
  q.receivedAtMs = atMs
  const octets = serve(routes, q)
  return { octets, reply: q.bytes.subarray(0, octets) }
}

/** Puts `times` messages through, one after the other and from the beginning again. Octets of all replies. */
export function putAll(routes: Routes, messages: readonly Uint8Array[], times: number, atMs: number): number {
  let octets = 0
  for (let i = 0; i < times; i++) {
    copyIn(messages[i % messages.length]!)
    q.receivedAtMs = atMs
    octets += serve(routes, q)
  }
  return octets
}

/** A case that puts messages through `serve`. The time of bringing them is taken off, `base` may take off more. */
export function serving(
  name: string,
  routes: Routes,
  messages: readonly Uint8Array[],
  { base = bringing(messages), atMs = 0 }: { base?: Case; atMs?: number } = {},
): Case {
  return { name, base, run: times => putAll(routes, messages, times, atMs) }
}

/** Messages are brought, and dropped because of their header: what `putAll` itself costs. */
export function bringing(messages: readonly Uint8Array[]): Case {
  const responses = messages.map(message => {
    const response = Uint8Array.from(message)
    response[2]! |= FLAG.QR >> 8
    return response
  })
  return { name: 'bringing messages', run: times => putAll(NOWHERE, responses, times, 0) }
}

const NOWHERE = new Routes([], false, undefined, '')
