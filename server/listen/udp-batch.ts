/**
 * Batched UDP: libuv's poll handle wakes the loop, recvmmsg takes up to 256 queries, each is answered in its slot, one
 * sendmmsg sends all replies. Late replies are collected and sent the same way once per turn of the loop. No call per
 * message, no object per message.
 */
import { cells } from '../metrics.ts'
import type { Routes } from '../route.ts'
import { LATER, type ServedQuery, takeQuery } from '../serve.ts'
import { turnSoon } from '../turn.ts'
import { HEADER_BYTES, type Peer } from '../wire/query.ts'
import { copyAddress, IPV4_AT, IPV6_AT, ipv4Text, ipv6Text, isMapped, PORT_AT, plainAddress } from './address.ts'
import type { Ffi, Watch } from './ffi.ts'
import { divert } from './hand-over.ts'
import {
  BROKEN,
  countDrops,
  type Listener,
  type ListenerOptions,
  STOP_MS,
  serveMessage,
  unsentReplies,
} from './listener.ts'
import { canSegment, refuseSegments } from './segments.ts'
import { Arena, BATCH, INFO_IN_KEPT, KEPT_BYTES, PACKET_BYTES } from './udp-arena.ts'
import { Groups } from './udp-groups.ts'
import { UdpSocket } from './udp-socket.ts'

const MSG_DONTWAIT = 0x40
const EINTR = 4
const EAGAIN = 11
const ENOBUFS = 105
/** Batches per wake-up: timers and TCP get their turn after 256 messages, less than a millisecond. */
export const MAX_ROUNDS = 256 / BATCH
/** Wake-ups' worth of messages that are answered before closing: more than the receive buffer holds. */
const MAX_DRAINS = 32
/** A batch smaller than this has emptied the queue: libuv wakes us again for the rest, which costs less than to look. */
export const FULL_ENOUGH = 32
/** How long to leave a socket alone that reported an error. */
const RESTART_MS = 10
/**
 * Late replies come few at a time although many are waited for: the loop turns faster than they arrive, and pays for each
 * turn. So it sleeps for a moment, no CPU used: more come meanwhile, are read together, and go out together. With the
 * kernel's slack that is some 80 µs, once in a turn, for those who wait for others already.
 */
const MANY = 32
const FEW = 32
const NAP_US = 30
/**
 * The same where queries come less than so many milliseconds apart: at 50,000/s a quarter of the CPU. More slowly they
 * come one to a wake-up also after a nap, which would keep clients waiting for nothing.
 */
const FAST_MS = 0.03
/** How many wake-ups the mean of that looks back. */
const MEMORY = 16
/** How often a full send buffer is tried before its replies are dropped. */
const SEND_ATTEMPTS = 4
/** The send buffer is full. */
const FULL = 0

export class UdpBatch implements Listener {
  readonly transport = 'udp'
  readonly address: string
  readonly port: number
  routes: Routes
  received = 0
  readonly #ffi: Ffi
  readonly #socket: UdpSocket
  readonly #arena: Arena
  readonly #groups: Groups
  readonly #peers: SlotPeer[] = []
  readonly #unsent: number
  readonly #isStandIn: boolean
  readonly #endDrops: () => void
  #query: ServedQuery = takeQuery()
  #watch: Watch | undefined
  #isStopped = false
  #isClosed = false
  #inFlight = 0
  #onIdle: (() => void) | undefined
  #late: { readonly arena: Arena; readonly groups: Groups } | undefined
  #lateCount = 0
  /** How many late replies left together last. */
  #sentLate = 0
  /** From one query to the next, a mean of the last wake-ups; when the last ones were read. */
  #gapMs = 1
  #readAtMs = 0

  /** Binds; reads nothing before `start`. @throws ListenError */
  constructor(ffi: Ffi, address: string, port: number, options: ListenerOptions) {
    this.#ffi = ffi
    this.#socket = new UdpSocket(ffi, address, port, options)
    this.address = address
    this.port = this.#socket.port
    this.routes = options.routes
    const { family, isWildcard } = this.#socket
    this.#arena = new Arena(ffi, family, isWildcard)
    this.#groups = new Groups(ffi, this.#arena)
    for (let i = 0; i < BATCH; i++) this.#peers.push(new SlotPeer(this, this.#arena, i))
    this.#unsent = unsentReplies(options.server)
    const drops = () => this.#socket.droppedMessages()
    this.#endDrops = countDrops(options.server, drops, options.fd === undefined ? 0 : drops())
    this.#isStandIn = options.isStandIn === true
    this.#adopt(this.#query)
  }

  start(): void {
    this.#watch ??= this.#ffi.watch(this.#socket.fd, () => this.#drain())
  }

  handOver(): void {
    divert(this)
    this.#socket.retire()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    if (this.#watch !== undefined && !this.#isStandIn) this.#empty()
    this.#isStopped = true
    this.#watch?.stop()
    if (this.#inFlight > 0) {
      await new Promise<void>(resolve => {
        this.#onIdle = resolve
        setTimeout(resolve, STOP_MS).unref()
      })
    }
    this.#sendLate()
    this.#endDrops()
    this.#isClosed = true
    this.#socket.close()
  }

  /** The local address in text where the socket has only one. */
  get boundAddress(): string | undefined {
    return this.#socket.isWildcard ? undefined : plainAddress(this.address)
  }

  /** Takes a reply for a peer of this listener; it goes out at the end of this turn of the loop. Never throws. */
  sendLate(to: Uint8Array, bytes: Uint8Array, at: number, length: number): void {
    this.#inFlight--
    if (this.#isClosed || length <= 0 || length > PACKET_BYTES) {
      cells[this.#unsent]! += 1
    } else {
      this.#late ??= this.#makeLate()
      const { arena } = this.#late
      if (this.#lateCount === 0) setImmediate(this.#endTurn)
      arena.fill(this.#lateCount, to, bytes, at, length)
      arena.reply(this.#lateCount, this.#lateCount, length)
      if (++this.#lateCount === BATCH) this.#sendLate()
    }
    if (this.#inFlight === 0) this.#onIdle?.()
  }

  #makeLate() {
    const arena = new Arena(this.#ffi, this.#socket.family, this.#socket.isWildcard)
    return { arena, groups: new Groups(this.#ffi, arena) }
  }

  readonly #endTurn = () => {
    this.#sendLate()
    if (this.#inFlight > MANY && this.#sentLate < FEW) this.#ffi.calls.usleep(NAP_US)
  }

  #sendLate(): void {
    const count = this.#lateCount
    this.#lateCount = 0
    this.#sentLate = count
    if (count > 0 && !this.#isClosed) this.#send(this.#late!.arena, this.#late!.groups, count)
  }

  /** Answers what waits in the kernel, which closing would throw away. */
  #empty(): void {
    this.#socket.retire()
    for (let before = -1, left = MAX_DRAINS; left > 0 && before !== this.received; left--) {
      before = this.received
      this.#drain()
    }
  }

  /** Reads and answers what is there, within bounds. Called from C: total. */
  #drain(): void {
    for (let round = 0; round < MAX_ROUNDS && !this.#isStopped; round++) {
      const count = this.#ffi.calls.recvmmsg(this.#socket.fd, this.#arena.receiveHeaders, BATCH, MSG_DONTWAIT, 0n)
      if (count <= 0) {
        if (this.#ffi.errno() !== EAGAIN) setTimeout(() => this.#watch?.restart(), RESTART_MS)
        break
      }
      this.#answer(count)
      if (count < FULL_ENOUGH) {
        if (this.#gapMs < FAST_MS) this.#ffi.calls.usleep(NAP_US)
        break
      }
    }
  }

  #answer(count: number): void {
    const arena = this.#arena
    const nowMs = performance.now()
    this.#gapMs += (Math.min(1, (nowMs - this.#readAtMs) / count) - this.#gapMs) / MEMORY
    this.#readAtMs = nowMs
    this.received += count
    let replies = 0
    let hasPromises = false
    for (let i = 0; i < count; i++) {
      if (!arena.hasPort(i)) continue
      const q = this.#query
      const length = arena.receivedLength(i)
      q.start = arena.packetAt(i)
      q.length = length < 0 ? HEADER_BYTES : length // of a cut message the header alone is served: FORMERR
      q.peer = this.#peers[i]!
      q.receivedAtMs = nowMs
      const octets = serveMessage(this.routes, q)
      if (octets > 0) arena.reply(replies++, i, octets)
      else if (octets === LATER || octets === BROKEN) {
        if (octets === LATER) this.#inFlight++
        this.#adopt(takeQuery())
        hasPromises = true
      }
    }
    if (hasPromises) turnSoon()
    if (replies > 0) this.#send(arena, this.#groups, replies)
    arena.rearm(count)
  }

  /** Makes `q` the one that messages are read into. */
  #adopt(q: ServedQuery): void {
    q.bytes = this.#arena.bytes
    q.capacity = PACKET_BYTES
    q.stream = false
    this.#query = q
  }

  /** Sends the first `count` replies of the arena, those that go the same way together. */
  #send(arena: Arena, groups: Groups, count: number): void {
    if (count > 1 && canSegment()) {
      const formed = groups.form(count)
      if (formed < count) {
        this.#sendGroups(arena, groups, formed)
        return
      }
    }
    for (let sent = 0; sent < count; ) {
      const headers = sent === 0 ? arena.sendHeaders : arena.sendHeadersFrom(sent)
      const taken = this.#sendSome(headers, count - sent)
      if (taken > 0) sent += taken
      else {
        const lost = taken === FULL ? count - sent : 1 // what is not allowed for one message may be for the next
        cells[this.#unsent]! += lost
        sent += lost
      }
    }
  }

  #sendGroups(arena: Arena, groups: Groups, count: number): void {
    for (let sent = 0; sent < count; ) {
      const headers = sent === 0 ? groups.headers : groups.headersFrom(sent)
      const taken = this.#sendSome(headers, count - sent)
      if (taken > 0) sent += taken
      else if (taken !== FULL && groups.sizeOf(sent) > 1 && refuseSegments(-taken)) {
        for (const i of groups.repliesFrom(sent)) {
          if (this.#sendSome(arena.sendHeadersFrom(i), 1) <= 0) cells[this.#unsent]! += 1
        }
        return
      } else {
        for (const end = taken === FULL ? count : sent + 1; sent < end; sent++) {
          cells[this.#unsent]! += groups.sizeOf(sent)
        }
      }
    }
  }

  /** Sends `count` headers. Returns how many the kernel took; if none, FULL, or the negative errno of the first one. */
  #sendSome(headers: bigint, count: number): number {
    for (let attempts = 1; ; attempts++) {
      const taken = this.#ffi.calls.sendmmsg(this.#socket.fd, headers, count, MSG_DONTWAIT)
      if (taken > 0) return taken
      const errno = this.#ffi.errno()
      const isFull = errno === EAGAIN || errno === ENOBUFS || errno === EINTR
      if (!isFull) return -errno
      if (attempts === SEND_ATTEMPTS) return FULL
    }
  }
}

/** Who sent the message in one slot. Valid while that message is answered. */
class SlotPeer implements Peer {
  readonly #listener: UdpBatch
  readonly #arena: Arena
  readonly #slot: number

  constructor(listener: UdpBatch, arena: Arena, slot: number) {
    this.#listener = listener
    this.#arena = arena
    this.#slot = slot
  }

  get address(): string {
    return addressText(this.#arena.bytes, this.#arena.nameAt(this.#slot), this.#arena.family)
  }
  writeAddress(into: Uint8Array, at: number): number {
    return copyAddress(this.#arena.bytes, this.#arena.nameAt(this.#slot), this.#arena.family, into, at)
  }
  get port(): number {
    return portOf(this.#arena.bytes, this.#arena.nameAt(this.#slot))
  }
  get family(): 4 | 6 {
    return familyOf(this.#arena.bytes, this.#arena.nameAt(this.#slot), this.#arena.family)
  }
  get localAddress(): string {
    return (
      this.#listener.boundAddress ?? localText(this.#arena.bytes, this.#arena.infoAt(this.#slot), this.#arena.family)
    )
  }
  keep(): Peer {
    const peer = spare.pop() ?? new KeptPeer()
    peer.begin(this.#listener, this.#arena.family)
    this.#arena.keep(this.#slot, peer.kept)
    return peer
  }
  send(bytes: Uint8Array, at: number, length: number): void {
    this.#listener.sendLate(this.#arena.keep(this.#slot), bytes, at, length)
  }
}

/** Who sent a message that has left its slot. Used again once it has its reply. */
class KeptPeer implements Peer {
  readonly kept = new Uint8Array(KEPT_BYTES)
  #listener!: UdpBatch
  #family: 4 | 6 = 4

  begin(listener: UdpBatch, family: 4 | 6): void {
    this.#listener = listener
    this.#family = family
  }

  get address(): string {
    return addressText(this.kept, 0, this.#family)
  }
  writeAddress(into: Uint8Array, at: number): number {
    return copyAddress(this.kept, 0, this.#family, into, at)
  }
  get port(): number {
    return portOf(this.kept, 0)
  }
  get family(): 4 | 6 {
    return familyOf(this.kept, 0, this.#family)
  }
  get localAddress(): string {
    return this.#listener.boundAddress ?? localText(this.kept, INFO_IN_KEPT, this.#family)
  }
  /** Another one: it may outlive this one's reply. */
  keep(): Peer {
    const peer = new KeptPeer()
    peer.begin(this.#listener, this.#family)
    peer.kept.set(this.kept)
    return peer
  }
  send(bytes: Uint8Array, at: number, length: number): void {
    this.#listener.sendLate(this.kept, bytes, at, length)
    if (spare.length < MAX_SPARE) spare.push(this)
  }
}

const MAX_SPARE = 1024
const spare: KeptPeer[] = []

function addressText(bytes: Uint8Array, at: number, family: 4 | 6): string {
  return family === 4 ? ipv4Text(bytes, at + IPV4_AT) : ipv6Text(bytes, at + IPV6_AT)
}

/** The family of an address as its text shows it; every query is asked for it, and no text is made. */
function familyOf(bytes: Uint8Array, at: number, family: 4 | 6): 4 | 6 {
  return family === 4 || isMapped(bytes, at + IPV6_AT) ? 4 : 6
}

/** The address that was asked, out of pktinfo. */
function localText(bytes: Uint8Array, at: number, family: 4 | 6): string {
  return family === 4 ? ipv4Text(bytes, at + 8) : ipv6Text(bytes, at)
}

function portOf(bytes: Uint8Array, at: number): number {
  return (bytes[at + PORT_AT]! << 8) | bytes[at + PORT_AT + 1]!
}
