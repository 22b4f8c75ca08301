/**
 * A thread that answers from the index of the main one: asks the same questions over and over until it is told to stop,
 * and says what no state of the cluster would have answered. Between rounds its loop turns once, as a server's does.
 */
import { setImmediate } from 'node:timers/promises'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { isPromise } from '../../../../server/chain.ts'
import type { Answer, Next, Query, Section } from '../../../../server/plugin.ts'
import { LATER, serve, takeQuery } from '../../../../server/serve.ts'
import type { Peer } from '../../../../server/wire/query.ts'
import { capturedLog } from '../../../harness/captured-log.ts'
import { query, type Reply, readReply, recordText } from '../../../harness/message.ts'
import { type Judge, judges } from './judges.ts'
import { BLOCKED, GENERATION, type Make, serverOf } from './world.ts'

export interface ReaderData {
  readonly shared: unknown
  readonly port: MessagePort
  readonly make: Make
  /** Which of the judges sit. */
  readonly sitting: readonly string[]
  /** Some answers are looked at for a moment, as if it took long to write them. */
  readonly isHolding: boolean
  readonly control: SharedArrayBuffer
}

/** What the thread tells, once it has stopped. */
export interface Verdicts {
  readonly answers: number
  readonly faults: readonly string[]
}

const ROUNDS_PER_TURN = 20
const MAX_FAULTS = 10
const HOLD_MS = 1

const { shared, port, make, sitting, isHolding, control } = workerData as ReaderData
const told = new Int32Array(control)
const server = serverOf({ ...make, objects: [] }, isHolding ? { handle: hold } : {})
server.stage.join(shared, port)

let isStopped = false
let answers = 0
const faults: string[] = []
const all = sitting.flatMap(name => judges[name]!)
const messages = new Map(all.map(judge => [judge, query(judge.name, { type: judge.type, edns: 1232 })]))
/** The last reply, and what its judge said: most are the same as the one before. */
const last = new Map<Judge, { reply: Uint8Array; generation: number }>()

const q = takeQuery()
q.bytes = new Uint8Array(4096)
q.capacity = q.bytes.length
const peers = new Map(all.map(({ from = '192.0.2.9' }) => [from, peerOf(from)]))

function peerOf(address: string): Peer {
  const peer: Peer = {
    address,
    port: 40_000,
    family: 4,
    localAddress: '192.0.2.1',
    keep: () => peer,
    send: () => {},
  }
  return peer
}

/** What an answer points at stays as it is for as long as the turn does. */
function hold(query: Query, next: Next): Answer | Promise<Answer> {
  const answer = next(query)
  if (isPromise(answer)) return answer
  const before = octetsOf(answer.answer)
  for (const endMs = performance.now() + HOLD_MS; performance.now() < endMs; );
  const after = octetsOf(answer.answer)
  if (before !== after && faults.length < MAX_FAULTS) faults.push(`${before} became ${after}`)
  return answer
}

function octetsOf({ count, data, dataAt, dataLength }: Section): string {
  let text = ''
  for (let i = 0; i < count; i++)
    text += Buffer.from(data[i]!.slice(dataAt[i]!, dataAt[i]! + dataLength[i]!)).toString('hex')
  return text
}

function ask(judge: Judge): Uint8Array {
  const message = messages.get(judge)!
  q.bytes.set(message)
  q.start = 0
  q.length = message.length
  q.peer = peers.get(judge.from ?? '192.0.2.9')!
  const octets = serve(server.routes, q)
  if (octets === LATER) throw new Error('waits')
  return q.bytes.subarray(0, octets)
}

function hear(judge: Judge, reply: Uint8Array, floor: number): void {
  answers++
  const known = last.get(judge)
  if (known !== undefined && known.generation >= floor && Buffer.compare(known.reply, reply) === 0) return
  const read = readReply(reply)
  const generation = note(judge, read, floor)
  last.set(judge, { reply: reply.slice(), generation })
}

function note(judge: Judge, reply: Reply, floor: number): number {
  const found = judge.check(reply)
  if (typeof found === 'number' && found >= floor) return found
  const what = typeof found === 'number' ? `generation ${found} once ${floor} had been put` : found
  const records = [...(reply.answers ?? []), ...(reply.additionals ?? [])].slice(0, 24).map(recordText)
  if (faults.length < MAX_FAULTS) faults.push([`${judge.type} ${judge.name}: ${what}`, ...records].join('\n'))
  return -1
}

async function askForZone(judge: Judge): Promise<void> {
  const floor = Atomics.load(told, GENERATION)
  const replies = (await server.sendAll(query(judge.name, { type: judge.type }))).map(readReply)
  answers++
  note(judge, { ...replies[0]!, answers: replies.flatMap(reply => reply.answers ?? []) }, floor)
}

/** One turn of the loop. */
async function askAll(): Promise<void> {
  for (let round = 0; round < ROUNDS_PER_TURN; round++) {
    for (const judge of all) {
      if (judge.type === 'AXFR') continue
      const floor = Atomics.load(told, GENERATION)
      hear(judge, ask(judge), floor)
    }
  }
  for (const judge of all) if (judge.type === 'AXFR') await askForZone(judge)
  await setImmediate()
}

parentPort!.on('message', what => {
  if (what === 'stop') isStopped = true
  else Atomics.wait(told, BLOCKED, 1)
})
parentPort!.postMessage('ready')
await capturedLog(async () => {
  while (!isStopped) await askAll()
})
parentPort!.postMessage({ answers, faults } satisfies Verdicts)
parentPort!.unref()
