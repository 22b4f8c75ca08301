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
const EIO = 5

/** A kernel with one socket: `inbox` is what it gives to recvmmsg, `sends` what it answers to each sendmmsg. */
class FakeKernel {
  readonly inbox: { message: Uint8Array; port: number }[] = []
  /** Messages taken, or an errno as a negative number; once used up, all are taken. */
  readonly sends: number[] = []
  readonly sent: Buffer[] = []
  sendCalls = 0
  naps = 0
  /** Entries of sendmmsg that were taken. */
  messages = 0
  receiveErrno = EAGAIN
  wake: () => void = () => {}
  restarts = 0
  /** It takes UDP_SEGMENT. */
  segments = true
  #errno = 0
  /** Memory that it was told of, each piece at 2^32 times its place in the list. */
  readonly #memories: ArrayBuffer[] = []

  readonly ffi = {
    addressOf: (memory: ArrayBuffer) => {
      if (memory.byteLength === 28) new Uint8Array(memory).set(sockaddr('127.0.0.1', 53)!)
      return BigInt(this.#memories.push(memory)) << 32n
    },
    errno: () => this.#errno,
    watch: (_: number, wake: () => void) => {
      this.wake = wake
      return { stop: () => {}, restart: () => this.restarts++ }
    },
    socket: () => 3,
    close: () => {},
    calls: {
      setsockopt: () => 0,
      getsockopt: () => -1,
      bind: () => 0,
      connect: () => 0,
      getsockname: () => 0,
      usleep: () => this.naps++,
      recvmmsg: (_: number, headers: bigint, count: number) => this.#receive(headers, count),
      sendmmsg: (_: number, headers: bigint, count: number) => this.#send(headers, count),
    },
  } as unknown as Ffi

  #receive(headers: bigint, count: number): number {
    const batch = this.inbox.splice(0, count)
    batch.forEach(({ message, port }, i) => {
      const header = this.#at(headers + BigInt(i * 64))
      const name = this.#at(header.getBigUint64(0, true))
      new Uint8Array(name.buffer, name.byteOffset).set(sockaddr('192.0.2.1', port)!)
      const packet = this.#at(this.#at(header.getBigUint64(16, true)).getBigUint64(0, true))
      new Uint8Array(packet.buffer, packet.byteOffset).set(message)
      header.setUint32(56, message.length, true)
    })
    this.#errno = this.receiveErrno
    return batch.length > 0 ? batch.length : -1
  }

  #send(headers: bigint, count: number): number {
    this.sendCalls++
    let result = this.sends.shift() ?? count
    for (let i = 0; i < result; i++) {
      const header = this.#at(headers + BigInt(i * 64))
      if (header.getUint32(40, true) > 0 && !this.segments) result = i === 0 ? -EIO : i
      else if (result >= 0) this.#take(header)
    }
    if (result >= 0) return result
    this.#errno = -result
    return -1
  }

  /** Takes one message of sendmmsg, cut as its control data says. */
  #take(header: DataView): void {
    const vectors = header.getBigUint64(16, true)
    const controlled = header.getUint32(40, true) > 0
    const segment = controlled ? this.#at(header.getBigUint64(32, true)) : undefined
    if (segment !== undefined)
      assert.equal(
        [0, 8, 12].map(at => segment.getUint32(at, true)),
        [18, 17, 103],
      )
    const vectorCount = header.getUint32(24, true)
    for (let i = 0; i < vectorCount; i++) {
      const vector = this.#at(vectors + BigInt(i * 16))
      const length = vector.getUint32(8, true)
      if (segment !== undefined) {
        const octets = segment.getUint16(16, true)
        assert.ok(
          i < vectorCount - 1 ? length === octets : length <= octets,
          'all of one length, the last may be shorter',
        )
      }
      const packet = this.#at(vector.getBigUint64(0, true))
      this.sent.push(Buffer.from(new Uint8Array(packet.buffer, packet.byteOffset, length)))
    }
    this.messages++
  }

  #at(address: bigint): DataView {
    return new DataView(this.#memories[Number(address >> 32n) - 1]!, Number(address & 0xffffffffn))
  }
}

/** A listener over a fake kernel, and how many replies it counted as unsent. */
function listening(server: string) {
  const kernel = new FakeKernel()
  const behaviour = new Behaviour()
  const listener = new UdpBatch(kernel.ffi, '127.0.0.1', 53, { routes: behaviour.routes, server })
  listener.start()
  const { cell } = families.get('sextant_udp_unsent_total')!.children.get(server)!
  return { kernel, behaviour, listener, unsent: () => cells[cell]! }
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
    for (let id = 0; id < 5; id++) at.kernel.inbox.push({ message: query('now.test', { id }), port: 4711 + id })
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

/** Port and letters before `.test` of each query. */
const MIXED = [
  [1, 'now'],
  [2, 'now'],
  [1, 'now'],
  [1, 'now.now'],
  [2, 'now'],
  [1, 'now'],
  [1, 'now.now'],
] as const

async function sendsMixed(server: string, sends: readonly number[], segments: boolean) {
  const at = listening(server)
  MIXED.forEach(([port, name], id) => {
    at.kernel.inbox.push({ message: query(`${name}.test`, { id }), port })
  })
  at.kernel.segments = segments
  at.kernel.sends.push(...sends)
  at.kernel.wake()
  const ids = at.kernel.sent.map(reply => readReply(reply).id)
  await at.listener.stop()
  return { ids, calls: at.kernel.sendCalls, messages: at.kernel.messages, unsent: at.unsent() }
}

test('replies of one length to one client are one message of segments', async () => {
  assert.equal(await sendsMixed('dns://:groups', [], true), {
    ids: [0, 2, 5, 1, 4, 3, 6],
    calls: 1,
    messages: 3,
    unsent: 0,
  })
})

test('a shorter reply goes behind those of one length', async () => {
  const at = listening('dns://:groups-pair')
  const names = ['now', 'now.now', 'now.now.now']
  for (const [id, name] of names.entries()) at.kernel.inbox.push({ message: query(`${name}.test`, { id }), port: 1 })
  at.kernel.wake()
  assert.equal(
    at.kernel.sent.map(reply => readReply(reply).id),
    [1, 0, 2],
  )
  assert.is(at.kernel.messages, 2)
  await at.listener.stop()
})

test('segments and a full buffer: what is lost is counted by reply', async () => {
  const found = await sendsMixed('dns://:groups-full', [1, ...Array(9).fill(-EAGAIN)], true)
  assert.equal(found, { ids: [0, 2, 5], calls: 5, messages: 1, unsent: 4 })
})

test('segments that are not allowed', async () => {
  const found = await sendsMixed('dns://:groups-denied', [-EPERM], true)
  assert.equal(found, { ids: [1, 4, 3, 6], calls: 2, messages: 2, unsent: 3 })
})

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

for (const { name, waiting, late, naps } of [
  { name: 'few of the many that wait', waiting: 40, late: 3, naps: 1 },
  { name: 'few, and few wait', waiting: 20, late: 3, naps: 0 },
  { name: 'many at a time', waiting: 40, late: 40, naps: 0 },
]) {
  test(`late replies come ${name}: the loop sleeps ${naps} times`, async () => {
    const at = listening(`dns://:naps-${name}`)
    const { inbox } = at.kernel
    for (let id = 0; id < waiting; id++) inbox.push({ message: query('hold.test', { id }), port: 1 + id })
    for (let id = 0; id < late; id++) inbox.push({ message: query('micro.test', { id }), port: 100 + id })
    while (inbox.length > 0) at.kernel.wake()
    await new Promise(resolve => setTimeout(resolve, 20))
    assert.is(at.kernel.sent.length, late)
    assert.is(at.kernel.naps, naps)
    at.behaviour.release()
    await at.listener.stop()
    assert.is(at.kernel.sent.length, late + waiting)
  })
}

for (const { name, pauseMs, naps } of [
  { name: 'fast', pauseMs: 0, naps: true },
  { name: 'slowly', pauseMs: 2, naps: false },
]) {
  test(`queries come ${name}: the loop ${naps ? 'sleeps for more' : 'does not sleep'}`, async () => {
    const at = listening(`dns://:queries-${name}`)
    for (let wakeUps = 0; wakeUps < 100; wakeUps++) {
      for (let id = 0; id < 10; id++) at.kernel.inbox.push({ message: query('now.test', { id }), port: 1 })
      at.kernel.wake()
      if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
    assert.is(at.kernel.sent.length, 1000)
    assert.is(at.kernel.naps > 0, naps)
    await at.listener.stop()
  })
}

test('a flood leaves the loop room', async () => {
  const at = listening('dns://:flood')
  for (let i = 0; i < 2000; i++) at.kernel.inbox.push({ message: query('now.test'), port: 1 })
  at.kernel.wake()
  assert.is(at.listener.received, 256)
  at.kernel.wake()
  assert.is(at.listener.received, 512)
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

test('a kernel that takes no segments gets the replies one by one, and no segments any more', async () => {
  const first = await sendsMixed('dns://:groups-refused', [], false)
  assert.equal(first, { ids: [0, 2, 5, 1, 4, 3, 6], calls: 8, messages: 7, unsent: 0 })
  const second = await sendsMixed('dns://:groups-refused', [], false)
  assert.equal(second, { ids: [0, 1, 2, 3, 4, 5, 6], calls: 1, messages: 7, unsent: 0 })
})

test.run()
