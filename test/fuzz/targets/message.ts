/** Messages from clients, through the whole data plane, as a UDP listener and a connection hand them on. */
import { cells, families } from '../../../server/metrics.ts'
import { LATER, serve, takeQuery } from '../../../server/serve.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import type { Peer } from '../../../server/wire/query.ts'
import { query } from '../../harness/message.ts'
import { checkReply } from '../reply-check.ts'
import { said } from '../scripted-upstream.ts'
import { Broken, hexWords, hold, type Outcome, type Target } from '../target.ts'
import { CLIENT, makeWorld, type World } from '../world.ts'

const UDP_SLOT_BYTES = 4096
const STREAM_BYTES = 65_535
const SETTLE_MS = 6000 // forward gives up after 4.4 s
/** Names that the world answers, each in another way. */
const NAMES = [
  ...[
    'kubernetes.default',
    'web.shop',
    'db.shop',
    'many.shop',
    'outside.shop',
    'circle.shop',
    'absent.shop',
    'shop',
  ].map(name => `${name}.svc.cluster.local`),
  ...[
    '192-0-2-9.shop.pod.cluster.local',
    'many-7.many.shop.svc.cluster.local',
    '_http._tcp.many.shop.svc.cluster.local',
  ],
  ...['dns-version.cluster.local', 'cluster.local', 'www.example.shop.svc.cluster.local', 'x.shop.svc.cluster.local'],
  ...['10.0.96.10.in-addr.arpa', '1.2.0.192.in-addr.arpa', '9.0.2.192.in-addr.arpa', 'hosts.test', 'a.hosts.test'],
  ...[
    'any.wild.hosts.test',
    'www.example.org',
    'never.test',
    'xist.test',
    'servfail.test',
    'refused.test',
    'alias.test',
  ],
  ...[
    'calias.test',
    'many.test',
    'junk.test',
    'formerr.test',
    'broken.test',
    'www.x.test',
    'nxdomain.x.test',
    'www.example',
  ],
]
const GONE_EVERY = 16 // of the clients that are sent a zone, one hangs up after its first message

let world: World
let free = takeQuery()
const slot = new Uint8Array(STREAM_BYTES)
let count = 0
/** Queries that wait, of all groups; and since the last group was settled: inputs and octets. */
let open = 0
let inputs = 0
let octets = 0
let saidBefore = 0
let broken: Broken | undefined

const panics = () =>
  [...families.get('coredns_panics_total')!.children.values()].reduce((sum, c) => sum + cells[c.cell]!, 0)
let panicsBefore = 0

/** A client that waits for one reply, or the messages of one. */
class Client implements Peer {
  readonly address = CLIENT
  readonly port = 40_000
  readonly family = 4
  readonly localAddress = '127.0.0.1'
  readonly #message: Uint8Array
  readonly #isStream: boolean
  readonly #hangsUp: boolean
  #isDone = false

  constructor(message: Uint8Array, isStream: boolean, hangsUp: boolean) {
    this.#message = message
    this.#isStream = isStream
    this.#hangsUp = hangsUp
  }

  keep(): Peer {
    return this
  }

  send(bytes: Uint8Array, at: number, length: number): void {
    open--
    if (this.#isDone) broken ??= new Broken('a query was answered twice', this.#message)
    this.#isDone = true
    // To a client of whom a thousand queries wait, a late datagram is not sent (DNSBomb): all clients here are one.
    if (length > 0 || this.#isStream) this.#check(bytes, at, length)
  }

  async sendPart(bytes: Uint8Array, at: number, length: number): Promise<boolean> {
    this.#check(bytes, at, length)
    await new Promise(resolve => setImmediate(resolve))
    if (!this.#hangsUp) return true
    open--
    return false
  }

  #check(bytes: Uint8Array, at: number, length: number): void {
    octets += length
    try {
      checkReply(this.#message, bytes, at, length, this.#isStream)
    } catch (error) {
      broken ??= new Broken((error as Error).message, this.#message)
    }
  }
}

export const target: Target = {
  name: 'message',
  isText: false,
  bound: { base: 4000, perOctet: 16 },
  maxBytes: 2048,
  words: [
    ...NAMES.map(text => nameFromText(text)),
    ...hexWords(
      '00010001',
      '001c0001',
      '000c0001',
      '00210001',
      '00060001',
      '00fb0001',
      '00fc0001',
      '00ff0001',
      '002b0001',
    ),
    ...hexWords(
      '00410001',
      '00100003',
      '000100ff',
      '000100fe',
      '00290001',
      '00fa00ff',
      '00000000',
      'c00c',
      'c000',
      'c0ff',
      'ffff',
    ),
    ...hexWords('00002904d0000000000000', '00002904d0000080000000', '0000290200000000000000', '000029ffff000000000000'),
    ...hexWords(
      '000a00080102030405060708',
      '000b0002ffff',
      '00080008000120000a000000',
      '000c0010',
      '00030000',
      '000f0002000a',
    ),
    ...hexWords(
      '0100',
      '0120',
      '8180',
      '2800',
      '0001000000000000',
      '0001000000000001',
      '0001000000010001',
      '0001000000000002',
    ),
  ],
  seeds: NAMES.flatMap(text => ['A', 'SRV'].map(type => ({ label: text, octets: query(text, { type, edns: 1232 }) }))),
  settleEvery: 64,

  async begin() {
    world = await makeWorld()
    panicsBefore = panics()
  },

  run(input): Outcome {
    const isStream = (++count & 1) === 0
    const q = free
    slot.set(input.subarray(0, STREAM_BYTES))
    q.bytes = slot
    q.start = 0
    q.length = Math.min(input.length, isStream ? STREAM_BYTES : UDP_SLOT_BYTES)
    q.capacity = isStream ? STREAM_BYTES : UDP_SLOT_BYTES
    q.stream = isStream
    q.peer = new Client(input, isStream, count % GONE_EVERY === 0)
    q.receivedAtMs = performance.now()
    inputs++
    octets += input.length
    const length = serve(world.routes, q)
    if (length === LATER) {
      open++
      free = takeQuery()
      return { kind: isStream ? 'waits on a stream' : 'waits' }
    }
    octets += length
    hold(panics() === panicsBefore, 'a query ended in an exception')
    const kind = checkReply(input, slot, 0, length, isStream)
    return { kind, octets: input.length + length }
  },

  async settle() {
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
    const group = { inputs, octets: octets + said.octets - saidBefore }
    inputs = 0
    octets = 0
    saidBefore = said.octets
    const found = broken
    broken = undefined
    if (found !== undefined) throw found
    hold(panics() === panicsBefore, 'a query ended in an exception')
    return group
  },

  async end() {
    const untilMs = performance.now() + SETTLE_MS
    while (open > 0 && performance.now() < untilMs) await new Promise(resolve => setTimeout(resolve, 50))
    const left = open
    open = 0
    await world.stop()
    hold(left === 0, 'a query was never answered')
  },
}
