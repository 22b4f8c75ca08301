/** The system calls of batched UDP, played by a fake kernel: what real ones do too seldom to wait for. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sockaddr } from '../../../server/listen/address.ts'
import type { Ffi } from '../../../server/listen/ffi.ts'
import { UdpBatch } from '../../../server/listen/udp-batch.ts'
import { cells, families } from '../../../server/metrics.ts'
import { query, readReply } from '../../harness/message.ts'
import { Behaviour } from './fixture.ts'

const EAGAIN = 11
const EPERM = 1

/** A kernel with one socket: `inbox` is what it gives to recvmmsg, `sends` what it answers to each sendmmsg. */
class FakeKernel {
  readonly inbox: { message: Uint8Array; port: number }[] = []
  /** Messages taken, or an errno as a negative number; once used up, all are taken. */
  readonly sends: number[] = []
  readonly sent: Buffer[] = []
  sendCalls = 0
  receiveErrno = EAGAIN
  wake: () => void = () => {}
  restarts = 0
  #errno = 0
  #arena = new ArrayBuffer(0)

  readonly ffi = {
    addressOf: (memory: ArrayBuffer) => {
      if (memory.byteLength > 1000) this.#arena = memory
      if (memory.byteLength === 28) new Uint8Array(memory).set(sockaddr('127.0.0.1', 53)!)
      return 0n
    },
    errno: () => this.#errno,
    watch: (_: number, wake: () => void) => {
      this.wake = wake
      return { stop: () => {}, restart: () => this.restarts++ }
    },
    calls: {
      socket: () => 3,
      setsockopt: () => 0,
      getsockopt: () => -1,
      bind: () => 0,
      connect: () => 0,
      getsockname: () => 0,
      close: () => 0,
      recvmmsg: (_: number, headers: bigint, count: number) => this.#receive(Number(headers), count),
      sendmmsg: (_: number, headers: bigint, count: number) => this.#send(Number(headers), count),
    },
  } as unknown as Ffi

  #receive(headers: number, count: number): number {
    const view = new DataView(this.#arena)
    const octets = new Uint8Array(this.#arena)
    const batch = this.inbox.splice(0, count)
    batch.forEach(({ message, port }, i) => {
      const header = headers + i * 64
      octets.set(sockaddr('192.0.2.1', port)!, Number(view.getBigUint64(header, true)))
      const iovec = Number(view.getBigUint64(header + 16, true))
      octets.set(message, Number(view.getBigUint64(iovec, true)))
      view.setUint32(header + 56, message.length, true)
    })
    this.#errno = this.receiveErrno
    return batch.length > 0 ? batch.length : -1
  }

  #send(headers: number, count: number): number {
    this.sendCalls++
    const result = this.sends.shift() ?? count
    if (result < 0) {
      this.#errno = -result
      return -1
    }
    const view = new DataView(this.#arena)
    for (let i = 0; i < result; i++) {
      const iovec = Number(view.getBigUint64(headers + i * 64 + 16, true))
      const at = Number(view.getBigUint64(iovec, true))
      this.sent.push(Buffer.from(this.#arena.slice(at, at + view.getUint32(iovec + 8, true))))
    }
    return result
  }
}

/** A listener over a fake kernel, and how many replies it counted as unsent. */
function listening(server: string): { kernel: FakeKernel; listener: UdpBatch; unsent: () => number } {
  const kernel = new FakeKernel()
  const listener = new UdpBatch(kernel.ffi, '127.0.0.1', 53, { routes: new Behaviour().routes, server })
  listener.start()
  const { cell } = families.get('sextant_udp_unsent_total')!.children.get(server)!
  return { kernel, listener, unsent: () => cells[cell]! }
}

const SENDS = [
  { name: 'all at once', sends: [], sent: [0, 1, 2, 3, 4], unsent: 0, calls: 1 },
  { name: 'in parts', sends: [2, 1], sent: [0, 1, 2, 3, 4], unsent: 0, calls: 3 },
  { name: 'a full buffer that empties', sends: [2, -EAGAIN, -EAGAIN], sent: [0, 1, 2, 3, 4], unsent: 0, calls: 4 },
  { name: 'a full buffer that stays full', sends: [2, ...Array(9).fill(-EAGAIN)], sent: [0, 1], unsent: 3, calls: 5 },
  { name: 'one that is not allowed', sends: [1, -EPERM], sent: [0, 2, 3, 4], unsent: 1, calls: 3 },
  { name: 'the first is not allowed', sends: [-EPERM], sent: [1, 2, 3, 4], unsent: 1, calls: 2 },
  { name: 'none is allowed', sends: Array(9).fill(-EPERM), sent: [], unsent: 5, calls: 5 },
]
for (const { name, sends, sent, unsent, calls } of SENDS) {
  test(`sending: ${name}`, async () => {
    const at = listening(`dns://:${name}`)
    for (let id = 0; id < 5; id++) at.kernel.inbox.push({ message: query('now.test', { id }), port: 4711 })
    at.kernel.sends.push(...sends)
    at.kernel.wake()
    assert.equal(
      at.kernel.sent.map(reply => readReply(reply).id),
      sent,
    )
    assert.is(at.unsent(), unsent)
    assert.is(at.kernel.sendCalls, calls)
    await at.listener.stop()
  })
}

test('silence and late ones between: replies are compacted', async () => {
  const at = listening('dns://:compact')
  const { inbox } = at.kernel
  inbox.push({ message: query('now.test', { id: 1 }), port: 0 }) // from port 0: nobody
  inbox.push({ message: query('now.test', { id: 2 }), port: 1 })
  inbox.push({ message: Buffer.alloc(3), port: 1 })
  inbox.push({ message: query('micro.test', { id: 4 }), port: 1 })
  inbox.push({ message: query('now.test', { id: 5 }), port: 1 })
  at.kernel.wake()
  assert.equal(
    at.kernel.sent.map(reply => readReply(reply).id),
    [2, 5],
  )
  assert.is(at.kernel.sendCalls, 1)
  await at.listener.stop() // waits for the late one
  assert.equal(
    at.kernel.sent.map(reply => readReply(reply).id),
    [2, 5, 4],
  )
  assert.is(at.kernel.sendCalls, 2)
})

test('a flood leaves the loop room', async () => {
  const at = listening('dns://:flood')
  for (let i = 0; i < 2000; i++) at.kernel.inbox.push({ message: query('now.test'), port: 1 })
  at.kernel.wake()
  assert.is(at.listener.received, 512)
  at.kernel.wake()
  assert.is(at.listener.received, 1024)
  await at.listener.stop()
  assert.is(at.listener.received, 2000, 'what waits is answered before the end')
})

test('an error of the socket is no end', async () => {
  const at = listening('dns://:error')
  at.kernel.receiveErrno = 100 // ENETDOWN
  at.kernel.wake()
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.is(at.kernel.restarts, 1)
  at.kernel.receiveErrno = EAGAIN
  at.kernel.wake()
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.is(at.kernel.restarts, 1)
  await at.listener.stop()
})

test.run()
