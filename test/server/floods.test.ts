/** Floods at the front door, on real sockets: what no reply may go to, and what no reply may come of. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import { loadFfi } from '../../server/listen/ffi.ts'
import { UdpSocket } from '../../server/listen/udp-socket.ts'
import { query } from '../harness/message.ts'
import { startServer } from '../harness/server.ts'
import { wire } from '../harness/stage.ts'

const FLOOD = 10_000
const AT_ONCE = 100

test(`#44 ${FLOOD} responses instead of queries: no reply to any of them, and queries are answered between them`, async () => {
  const server = await startServer('. {\nbind 127.0.0.1\nwhoami\n}\n')
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const replies: number[] = []
  socket.on('message', message => replies.push(message.readUInt16BE(0)))
  try {
    const response = query('www.example')
    response.writeUInt8(0x81, 2)
    for (let i = 1; i <= FLOOD / AT_ONCE; i++) {
      for (let j = 0; j < AT_ONCE; j++) {
        response.writeUInt16BE(0x8000 + j)
        socket.send(Buffer.from(response), server.port, '127.0.0.1')
      }
      const answered = once(socket, 'message', { signal: AbortSignal.timeout(5000) })
      socket.send(query('www.example', { id: i }), server.port, '127.0.0.1')
      await answered
    }
    deepEqual(
      replies,
      Array.from({ length: FLOOD / AT_ONCE }, (_, i) => i + 1),
    )
  } finally {
    socket.close()
    await server.stop()
  }
})

const asks: { name: string; message: Buffer }[] = [
  { name: 'a query', message: query('www.example') },
  { name: 'a query with EDNS of version 1', message: withVersion(query('www.example', { edns: 1232 })) },
  { name: 'a query of class CH', message: query('version.bind', { class: 'CH' }) },
  { name: 'a NOTIFY', message: withFlags(query('www.example'), 0x2000) },
  { name: 'a query without question', message: Buffer.from('4b3801000000000000000000', 'hex') },
  { name: 'a query that breaks off', message: query('www.example').subarray(0, 20) },
]

function withFlags(message: Buffer, flags: number): Buffer {
  message.writeUInt16BE(flags, 2)
  return message
}

function withVersion(message: Buffer): Buffer {
  message.writeUInt8(1, message.length - 5)
  return message
}

// A datagram whose source is forged as our own address and port comes to ourselves as a reply of ours.
for (const { name, message } of asks) {
  test(`#45 ${name} in our own name: the reply to it is answered with nothing`, async () => {
    const { send } = wire([])
    const reply = await send(message)
    ok(reply.length >= 12)
    equal((await send(reply)).length, 0)
  })
}

const ffi = loadFfi()
if (ffi !== undefined) {
  test('#55 in the kernel there is room for 4 MiB of datagrams, or for what this process may ask for', () => {
    const SOL_SOCKET = 1
    const SO_RCVBUF = 8
    const mostBytes = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'))
    const socket = new UdpSocket(ffi, '127.0.0.1', 0)
    const found = Int32Array.of(0)
    const size = Int32Array.of(4)
    const failed = ffi.calls.getsockopt(
      socket.fd,
      SOL_SOCKET,
      SO_RCVBUF,
      ffi.addressOf(found.buffer),
      ffi.addressOf(size.buffer),
    )
    socket.close()
    equal(failed, 0)
    ok(found[0]! >= Math.min(4 << 20, mostBytes), `${found[0]} octets`)
  })
}

test.run()
