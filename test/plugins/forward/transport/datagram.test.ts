/** Connected UDP sockets, through node:ffi and through node:dgram: both do the same. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'uvu'
import type { DatagramEvents, Datagrams, Ends } from '../../../../plugins/forward/transport/datagram.ts'
import { openNative } from '../../../../plugins/forward/transport/datagram-native.ts'
import { openPlain } from '../../../../plugins/forward/transport/datagram-plain.ts'
import { loadFfi } from '../../../../server/listen/ffi.ts'
import { closedPort } from '../../../harness/fake-upstream.ts'

type Open = (ends: Ends, events: DatagramEvents) => Datagrams | NodeJS.ErrnoException | undefined

const ways: { name: string; open: Open }[] = [{ name: 'dgram', open: openPlain }]
if (loadFfi() !== undefined) ways.push({ name: 'ffi', open: openNative })

const nobody: DatagramEvents = { message: () => {}, failed: () => {} }
const isOpen = (socket: ReturnType<Open>): socket is Datagrams => socket !== undefined && !(socket instanceof Error)

async function peerOn(address: string) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  return socket
}

const ends = (port: number, host = '127.0.0.1', localPort = 0): Ends => ({
  family: host.includes(':') ? 6 : 4,
  localAddress: host.includes(':') ? '::' : '0.0.0.0',
  localPort,
  host,
  port,
})

for (const { name, open } of ways) {
  for (const host of ['127.0.0.1', '::1']) {
    test(`${name}: there and back, ${host}`, async () => {
      const peer = await peerOn(host)
      peer.on('message', (message, from) => peer.send(Buffer.concat([message, message]), from.port, from.address))
      const got: string[] = []
      const done = Promise.withResolvers<void>()
      const message = (bytes: Uint8Array, at: number, length: number) => {
        got.push(Buffer.from(bytes.subarray(at, at + length)).toString())
        if (got.length === 20) done.resolve()
      }
      const socket = open(ends(peer.address().port, host), { message, failed: done.reject })
      if (!isOpen(socket)) throw socket
      for (let i = 0; i < 20; i++) socket.send(Buffer.from(`m${i};`), `m${i};`.length)
      socket.flush()
      const awake = setTimeout(done.reject, 5000, new Error('nothing came within 5 s'))
      await done.promise
      clearTimeout(awake)
      deepEqual(
        got,
        Array.from({ length: 20 }, (_, i) => `m${i};m${i};`),
      )
      socket.close()
      socket.close()
      peer.close()
    })
  }

  test(`${name}: nobody else is heard`, async () => {
    const [peer, stranger] = [await peerOn('127.0.0.1'), await peerOn('127.0.0.1')]
    const got: string[] = []
    const heard = Promise.withResolvers<void>()
    const message = (bytes: Uint8Array, at: number, length: number) => {
      got.push(Buffer.from(bytes.subarray(at, at + length)).toString())
      heard.resolve()
    }
    const socket = open(ends(peer.address().port), { message, failed: heard.reject })
    if (!isOpen(socket)) throw socket
    socket.send(Buffer.from('who?'), 4)
    socket.flush()
    const [, from] = (await once(peer, 'message')) as [Buffer, { port: number; address: string }]
    const sent = Promise.withResolvers<void>()
    stranger.send('forged', from.port, '127.0.0.1', () => sent.resolve())
    await sent.promise
    peer.send('true', from.port, '127.0.0.1')
    await heard.promise
    deepEqual(got, ['true'])
    socket.close()
    peer.close()
    stranger.close()
  })

  test(`${name}: a closed port is told of`, async () => {
    const failed = Promise.withResolvers<Error>()
    const awake = setInterval(() => {}, 1000)
    const socket = open(ends(await closedPort()), { message: () => {}, failed: failed.resolve })
    if (!isOpen(socket)) throw socket
    socket.send(Buffer.from('hello'), 5)
    socket.flush()
    equal(((await failed.promise) as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    clearInterval(awake)
    socket.close()
  })

  test(`${name}: where no way leads, the reason is told, and a message before it does not throw`, async () => {
    const failed = Promise.withResolvers<Error>()
    const awake = setInterval(() => {}, 1000)
    // connect(2) refuses the address of all without SO_BROADCAST, on every network.
    const socket = open(ends(5300, '255.255.255.255'), { message: () => {}, failed: failed.resolve })
    if (isOpen(socket)) {
      socket.send(Buffer.from('hello'), 5)
      socket.flush()
      equal(socket.usable, false)
    }
    const cause = isOpen(socket) ? await failed.promise : socket
    equal((cause as NodeJS.ErrnoException).code, 'EACCES')
    clearInterval(awake)
    if (isOpen(socket)) socket.close()
  })

  test(`${name}: a port in use is an error with its code`, async () => {
    const taken = await peerOn('0.0.0.0')
    const found = open(ends(5300, '127.0.0.1', taken.address().port), nobody)
    ok(found instanceof Error)
    equal(found.code, 'EADDRINUSE')
    taken.close()
  })
}

test.run()
