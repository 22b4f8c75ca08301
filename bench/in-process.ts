/** A client in the process of the server: messages go through `serve` without a socket, their replies nowhere. */
import type { Routes } from '../server/route.ts'
import { serve, takeQuery } from '../server/serve.ts'
import type { Peer } from '../server/wire/query.ts'

const peer: Peer = {
  address: '192.0.2.9',
  port: 40_000,
  family: 4,
  localAddress: '192.0.2.1',
  keep: () => peer,
  send: () => {},
}
const q = takeQuery()
q.bytes = new Uint8Array(65_535)
q.start = 0
q.capacity = 65_535
q.peer = peer

/** Puts one message through `serve`, as if it had come at `atMs`. Octets of the reply. */
export function put(routes: Routes, message: Uint8Array, atMs: number): number {
  for (let i = 0; i < message.length; i++) q.bytes[i] = message[i]!
  q.length = message.length
  q.receivedAtMs = atMs
  return serve(routes, q)
}

/** Puts `rounds` messages through, one after the other and from the beginning again. Octets of all replies. */
export function putAll(routes: Routes, messages: readonly Uint8Array[], rounds: number, atMs: number): number {
  let octets = 0
  for (let i = 0; i < rounds; i++) octets += put(routes, messages[i % messages.length]!, atMs)
  return octets
}
