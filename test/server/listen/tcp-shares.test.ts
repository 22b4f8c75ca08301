/** What connections share: who has the most of it loses first, and nobody else. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'uvu'
import { loadFfi } from '../../../server/listen/ffi.ts'
import type { TcpLimits } from '../../../server/listen/listen.ts'
import { cells, families } from '../../../server/metrics.ts'
import { framed } from '../../harness/frames.ts'
import { query, readReply } from '../../harness/message.ts'
import { DEADLINE_MS, eventually, type Served, soon, TcpClient, withServed } from './fixture.ts'

/** More than a tick of the wheel: connections that are so far apart are told apart by their age. */
const APART_MS = 150

/** A test of a listener with limits of its own, and connections from several addresses. */
function shared(name: string, tcp: Partial<TcpLimits>, body: (at: Served, from: Connect) => Promise<void>): void {
  test(name, () =>
    withServed('127.0.0.1', { tcp, server: `dns://:${name}` }, async at => {
      const sockets: Socket[] = []
      const from: Connect = async localAddress => {
        const socket = connect({ port: at.port, host: '127.0.0.1', localAddress, noDelay: true })
        const one = { socket, isClosed: false }
        socket.on('error', () => {})
        socket.on('close', () => {
          one.isClosed = true
        })
        socket.on('end', () => socket.end())
        sockets.push(socket)
        await once(socket, 'connect')
        return one
      }
      try {
        await body(at, from)
      } finally {
        for (const socket of sockets) socket.destroy()
      }
    }),
  )
}

interface Connection {
  readonly socket: Socket
  isClosed: boolean
}
type Connect = (localAddress: string) => Promise<Connection>

async function ask({ socket }: Connection, name = 'now.test'): Promise<string> {
  socket.write(framed(query(name)))
  const [octets] = await once(socket, 'data', { signal: AbortSignal.timeout(DEADLINE_MS) })
  return readReply((octets as Buffer).subarray(2)).rcode
}

function closed(name: string, reason: string): number {
  const children = families.get('sextant_tcp_closed_total')!.children.values()
  const found = [...children].find(({ values }) => values[0] === `dns://:${name}` && values[1] === reason)
  return found === undefined ? 0 : cells[found.cell]!
}

const waitingBytes = () => cells[families.get('sextant_tcp_waiting_bytes')!.children.get('')!.cell]!
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

const FEW = 'the address with the most connections makes room, whoever is idle the longest'
shared(FEW, { maxConnections: 6 }, async (_, from) => {
  const modest = await from('127.0.0.2')
  equal(await ask(modest), 'NOERROR')
  await pause(APART_MS)
  const greedy: Connection[] = []
  for (let i = 0; i < 10; i++) {
    greedy.push(await from('127.0.0.3'))
    await ask(greedy[i]!)
    await pause(APART_MS)
  }
  await eventually(() => closed(FEW, 'limit') === 5, 'the closes')
  const other = await from('127.0.0.4')
  equal(await ask(other), 'NOERROR')
  equal(await ask(modest), 'NOERROR')
  equal(closed(FEW, 'limit'), 6)
  // The latest of the greedy one are left.
  deepEqual(
    greedy.map(({ isClosed }) => isClosed),
    [true, true, true, true, true, true, false, false, false, false],
  )
})

const BUSY = 'an address whose connections are all busy gives them up to others, and not to itself'
shared(BUSY, { maxConnections: 4 }, async (at, from) => {
  const greedy: Connection[] = []
  for (let i = 0; i < 4; i++) {
    greedy.push(await from('127.0.0.3'))
    greedy[i]!.socket.write(framed(query('hold.test')))
  }
  await soon(at.behaviour.holding(4), 'the held queries')
  const more = await from('127.0.0.3')
  await eventually(() => more.isClosed, 'the refusal')
  for (const address of ['127.0.0.4', '127.0.0.5']) equal(await ask(await from(address)), 'NOERROR')
  equal(greedy.filter(({ isClosed }) => isClosed).length, 2)
  equal(closed(BUSY, 'limit'), 3)
})

const TIED = 'where all have one, the one that is idle the longest goes'
shared(TIED, { maxConnections: 3 }, async (_, from) => {
  const clients: Connection[] = []
  for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']) {
    clients.push(await from(address))
    await ask(clients.at(-1)!)
    await pause(APART_MS)
  }
  deepEqual(
    clients.map(({ isClosed }) => isClosed),
    [true, false, false, false],
  )
})

const PARTS = 'parts of messages: the client that holds the most loses them, others keep theirs'
shared(PARTS, { maxHeldBytes: 1 << 20, firstReadMs: 60_000 }, async (_, from) => {
  const modest = await from('127.0.0.2')
  const question = framed(query('now.test'))
  modest.socket.write(question.subarray(0, 20))
  const half = Buffer.alloc(50_000)
  half.writeUInt16BE(65_000)
  const greedy: Connection[] = []
  for (let i = 0; i < 40; i++) {
    greedy.push(await from('127.0.0.3'))
    greedy[i]!.socket.write(half)
  }
  await eventually(() => closed(PARTS, 'memory') > 0 && waitingBytes() > 0, 'the closes')
  await eventually(() => greedy.filter(({ isClosed }) => !isClosed).length * 50_000 <= 1 << 20, 'room')
  ok(waitingBytes() <= 1 << 20, `${waitingBytes()} octets`)
  modest.socket.write(question.subarray(20))
  const [reply] = await once(modest.socket, 'data', { signal: AbortSignal.timeout(DEADLINE_MS) })
  equal(readReply((reply as Buffer).subarray(2)).rcode, 'NOERROR')
  for (const { socket } of [modest, ...greedy]) socket.destroy()
  await eventually(() => waitingBytes() === 0, 'nothing that waits')
})

const UNREAD = 'replies that are not read: they are bounded over all connections, and who reads is served'
shared(UNREAD, { maxHeldBytes: 4 << 20, writeMs: 60_000 }, async (at, from) => {
  const reader = await TcpClient.to(at.port)
  const greedy: Connection[] = []
  let most = 0
  for (let i = 0; i < 60; i++) {
    const one = await from('127.0.0.3')
    one.socket.pause()
    one.socket.write(framed(...Array.from({ length: 300 }, () => query('big.test'))))
    greedy.push(one)
    await reader.ask(query('big.test'))
    most = Math.max(most, waitingBytes())
  }
  await eventually(() => closed(UNREAD, 'memory') > 10, 'the closes')
  ok(most <= 5 << 20, `${most} octets`)
  equal(readReply(await reader.ask(query('now.test'))).rcode, 'NOERROR')
  reader.close()
})

if (loadFfi() !== undefined) {
  const KERNEL = 'the kernel keeps 256 KiB of what a client does not read, not megabytes'
  shared(KERNEL, { writeMs: 60_000 }, async (at, from) => {
    const deaf = await from('127.0.0.3')
    deaf.socket.pause()
    const CLIENT_BYTES = 1 << 17 // what it takes without reading
    deaf.socket.write(framed(...Array.from({ length: 300 }, () => query('big.test'))))
    await eventually(() => waitingBytes() > 0, 'what waits')
    let before = 0
    while (at.tcp.received > before) {
      before = at.tcp.received
      await pause(50)
    }
    const inKernel = before * 32_000 - waitingBytes()
    ok(inKernel < CLIENT_BYTES + (1 << 19), `${inKernel} octets`)
  })
}

const SETTLED = 'what the kernel took meanwhile is no reason to close'
shared(SETTLED, { maxHeldBytes: 1 << 20, maxBufferedBytes: 1 << 18 }, async at => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => TcpClient.to(at.port)))
  for (let round = 0; round < 5; round++) {
    for (const client of clients) client.send(...Array.from({ length: 5 }, () => query('big.test')))
    await Promise.all(clients.map(client => client.until(5 * (round + 1))))
  }
  equal(closed(SETTLED, 'memory'), 0)
  for (const client of clients) client.close()
  await eventually(() => waitingBytes() === 0, 'nothing that waits')
})

const LAST = 'so many queries, then all are answered and the connection is closed'
shared(LAST, { maxQueries: 3 }, async (at, from) => {
  const client = await TcpClient.to(at.port)
  client.send(...[1, 2, 3, 4, 5].map(id => query(id === 2 ? 'hold.test' : 'now.test', { id })))
  await client.until(2)
  ok(!client.hasEnded)
  at.behaviour.release()
  await soon(client.ended, 'the close')
  deepEqual(
    client.replies.map(reply => reply.readUInt16BE()),
    [1, 3, 2],
  )
  equal(closed(LAST, 'queries'), 1)
  equal(at.tcp.received, 3)
  const response = query('now.test')
  response[2]! |= 0x80
  const rude = await from('127.0.0.1')
  rude.socket.resume().write(framed(query('now.test'), query('now.test'), response))
  await eventually(() => rude.isClosed, 'the close of one whose last message is no query')
})

test('limits that change hold for connections that are there', () =>
  withServed('127.0.0.1', { tcp: { idleMs: 60_000 } }, async at => {
    const client = await TcpClient.to(at.port)
    await client.ask(query('now.test'))
    at.tcp.limitTo?.({ maxQueries: 2 })
    await client.ask(query('now.test'))
    await soon(client.ended, 'the close')
  }))

test.run()
