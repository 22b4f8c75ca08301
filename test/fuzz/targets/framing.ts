/**
 * What comes over a TCP connection (RFC 1035 §4.2.2), cut anywhere: each whole message is answered, in its order, up to the
 * first that is garbage.
 */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { TcpListener } from '../../../server/listen/tcp.ts'
import { TcpConnection } from '../../../server/listen/tcp-connection.ts'
import { Clients } from '../../../server/listen/tcp-shares.ts'
import { framed } from '../../harness/frames.ts'
import { query } from '../../harness/message.ts'
import { wire } from '../../harness/stage.ts'
import { hexWords, hold, type Outcome, type Target } from '../target.ts'

const HEADER_BYTES = 12
const { routes } = wire([])

/** A client that reads all at once. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = '192.0.2.9'
  readonly remotePort = 40_000
  readonly localAddress = '127.0.0.1'
  readonly writableLength = 0
  readonly writableNeedDrain = false
  destroyed = false
  writableEnded = false
  readonly written: Buffer[] = []

  get writable(): boolean {
    return !this.destroyed && !this.writableEnded
  }
  write(octets: Buffer): void {
    this.written.push(octets)
  }
  end(): void {
    this.writableEnded = true
  }
  destroy(): void {
    this.destroyed = true
  }
  destroySoon(): void {
    this.end()
    this.destroyed = true
  }
  resetAndDestroy(): void {
    this.destroyed = true
  }
  pause(): void {}
  resume(): void {}
}

const ask = (id: number) => framed(query('www.example', { id }))
const seed = (label: string, chunk: number, ...parts: Uint8Array[]) => ({
  label,
  octets: Buffer.concat([Buffer.of(chunk), ...parts]),
})

export const target: Target = {
  name: 'framing',
  isText: false,
  bound: { base: 400, perOctet: 8 },
  maxBytes: 8000,
  words: [...hexWords('0000', '000b', '000c', '001d', 'ffff', '8180', '0100'), ask(5)],
  seeds: [
    seed('one', 0, ask(1)),
    seed('three-at-once', 0, ask(1), ask(2), ask(3)),
    seed('octet-by-octet', 1, ask(1), ask(2)),
    seed('in-sevens', 7, ask(1), ask(2), ask(3)),
    seed('length-below-a-header', 0, ask(1), Buffer.from('000b0000000000000000000000', 'hex')),
    seed('a-response', 3, framed(Buffer.from('4b3881800000000000000000', 'hex')), ask(2)),
    seed('cut', 5, ask(1), ask(2).subarray(0, 9)),
    seed('most-octets', 0, Buffer.from('ffff', 'hex'), Buffer.alloc(2000)),
  ],
  run([chunk = 0, ...rest]): Outcome {
    const octets = Buffer.from(rest)
    const socket = new FakeSocket()
    const closed: string[] = []
    const listener = {
      routes,
      limits: { ...LIMITS, maxQueries: Number.POSITIVE_INFINITY, maxHeldBytes: 1 << 20 },
      received: 0,
      localAddress: '127.0.0.1',
      connections: {
        forget() {},
        watch() {},
        countClosed: (reason: string) => closed.push(reason),
      },
    }
    new TcpConnection(listener as unknown as TcpListener, socket as unknown as Socket, new Clients().of('127.0.0.1'))
    for (let at = 0; at < octets.length; at += chunk || octets.length)
      socket.emit('data', octets.subarray(at, at + (chunk || octets.length)))
    const { ids, isGarbage } = wanted(octets)
    const replies = idsIn(Buffer.concat(socket.written))
    hold(replies.length === ids.length, 'there are not as many replies as queries')
    hold(
      replies.every((id, i) => id === ids[i]),
      'replies are not in the order of the queries',
    )
    hold(closed.length > 0 === isGarbage, 'garbage did not end the connection, or something else did')
    return { kind: `${Math.min(ids.length, 3)} ${isGarbage}`, octets: octets.length * 2 }
  },
}

const LIMITS = { maxInFlight: 16, maxBufferedBytes: 1 << 20, firstReadMs: 1, idleMs: 1, writeMs: 1, maxConnections: 1 }

/** The ids of the messages that are to be answered: read without any state. */
function wanted(octets: Buffer): { ids: number[]; isGarbage: boolean } {
  const ids: number[] = []
  for (let at = 0; octets.length - at >= 2; ) {
    const length = octets.readUInt16BE(at)
    if (length < HEADER_BYTES) return { ids, isGarbage: true }
    if (octets.length - at - 2 < length) break
    if ((octets[at + 4]! & 0x80) !== 0) return { ids, isGarbage: true }
    ids.push(octets.readUInt16BE(at + 2))
    at += 2 + length
  }
  return { ids, isGarbage: false }
}

function idsIn(octets: Buffer): number[] {
  const ids: number[] = []
  for (let at = 0; at < octets.length; at += 2 + octets.readUInt16BE(at)) {
    hold(octets.length - at - 2 >= octets.readUInt16BE(at), 'a reply is shorter than its length')
    ids.push(octets.readUInt16BE(at + 2))
  }
  return ids
}
