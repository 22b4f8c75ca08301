/**
 * A class of its own in JavaScript: an exception or a rejection that nobody takes ends the process, and an upstream that
 * behaves badly at the socket makes one.
 *
 * Shown here: whatever an upstream does to a connection or a datagram socket, each question gets an answer or SERVFAIL,
 * and nothing is left over that nobody took (plugins/forward/flight.ts, tcp.ts and udp.ts in transport/).
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'uvu'
import { plugin } from '../../plugins/forward/forward.ts'
import { answer, closedPort, type Script } from '../harness/fake-upstream.ts'
import { chainOf } from '../harness/stage.ts'
import { withBlock } from '../plugins/forward/block.ts'

const untaken: unknown[] = []
process.on('unhandledRejection', cause => untaken.push(cause))
process.on('uncaughtException', cause => untaken.push(cause))

const BLOCK = '{\nread_timeout 100ms\nmax_fails 0\nforce_tcp\n}'
const settled = () => new Promise(resolve => setTimeout(resolve, 20))
const header = Buffer.from('000c4b38818000010000000000000000'.slice(0, 32), 'hex')

/** What a TCP server does to a connection. */
const servers: { name: string; serve: (socket: Socket) => void }[] = [
  { name: 'resets it at once', serve: socket => socket.resetAndDestroy() },
  { name: 'ends it at once', serve: socket => socket.end() },
  { name: 'resets it when asked', serve: socket => socket.once('data', () => socket.resetAndDestroy()) },
  { name: 'ends it when asked', serve: socket => socket.once('data', () => socket.end()) },
  { name: 'says that a message of 0 octets follows', serve: socket => socket.once('data', () => socket.write('\0\0')) },
  {
    name: 'says that one of 65,535 follows, and ends',
    serve: socket => socket.once('data', () => socket.end('\xff\xff')),
  },
  { name: 'sends a header of nobody', serve: socket => socket.once('data', () => socket.write(header)) },
  { name: 'sends noise', serve: socket => socket.once('data', () => socket.write(Buffer.alloc(70_000, 0x5a))) },
  {
    name: 'sends half a length, and resets',
    serve: socket => socket.once('data', () => socket.write('\0', () => socket.resetAndDestroy())),
  },
  { name: 'never reads', serve: socket => socket.pause() },
]

for (const { name, serve } of servers) {
  test(`an upstream that accepts a connection and ${name}`, async () => {
    const open = new Set<Socket>()
    const server = createServer(socket => {
      open.add(socket)
      socket.on('error', () => socket.destroy())
      serve(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const chain = chainOf([plugin], `forward . 127.0.0.1:${port} ${BLOCK}`)
    const awake = setInterval(() => {}, 1 << 30)
    try {
      for (let round = 0; round < 2; round++) {
        const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => chain.ask(`n${i}.example`)))
        deepEqual([...new Set(replies)], ['SERVFAIL rd ra'])
      }
    } finally {
      clearInterval(awake)
      await chain.stages[0]!.stop!()
      for (const socket of open) socket.destroy()
      server.close()
    }
    await settled()
    deepEqual(untaken, [])
  })
}

test('ports that are closed, over UDP and TCP, and a network that is not there', async () => {
  const port = await closedPort()
  for (const to of [`127.0.0.1:${port}`, '[2001:db8::53]:53', '255.255.255.255:53']) {
    for (const block of ['{\nread_timeout 50ms\n}', BLOCK]) {
      const awake = setInterval(() => {}, 1 << 30)
      const chain = chainOf([plugin], `forward . ${to} ${block}`)
      equal(await chain.ask('www.example'), 'SERVFAIL rd ra')
      await chain.stages[0]!.stop!()
      clearInterval(awake)
    }
  }
  await settled()
  deepEqual(untaken, [])
})

test('an upstream that is stopped while it is asked', () => {
  const script: Script = asked => [{ send: answer(asked, [`${asked.name} 60 A 192.0.2.1`]), afterMs: 20 }]
  return withBlock([script], 'cache\nforward . %1 {\nread_timeout 100ms\n}', async ({ ask, stages, upstreams }) => {
    const answers = [false, true].flatMap(stream =>
      Array.from({ length: 10 }, (_, i) => ask(`n${i}.example`, {}, stream)),
    )
    upstreams[0]!.closeConnections()
    for (const stage of stages) await stage.stop?.()
    for (const found of await Promise.all(answers)) match(found, /^(NOERROR|SERVFAIL)/)
    await settled()
    deepEqual(untaken, [])
  })
})

test.run()
