/**
 * A client of one thread that asks at a steady pace, whether or not replies come: a slow server cannot slow the questions
 * down. A latency is from just before `send` until the kernel was given the reply: what this process does between is not in
 * it, and loopback adds nothing that a server has not done. Run by paced.ts:
 * node bench/client/pace.ts '{"target":…,"file":…,"perSecond":…,"seconds":…}' → `begin`, `end`, and
 * a line of JSON.
 */
import { readFileSync, writeSync } from 'node:fs'
import { percentile } from '../ask.ts'
import type { Target } from '../dnsperf.ts'
import { messageOf } from '../messages.ts'
import { dropTimerSlack, Memory, nowNs, sleepUs, TimedSocket } from './calls.ts'

export interface Pace {
  readonly target: Target
  /** Questions, `NAME TYPE` a line. */
  readonly file: string
  readonly perSecond: number
  readonly seconds: number
}

/** What came of it. */
export interface Paced {
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  readonly answered: number
  readonly lost: number
  /** Replies by the number of their rcode. */
  readonly rcodes: Record<number, number>
  /** How late the client itself was with a question, of 100 the latest. */
  readonly lateP99Us: number
  /** As asked: fewer than were meant where this process was kept waiting. */
  readonly queriesPerS: number
}

const SOCKETS = 4
const MAX_QUESTIONS = 100_000
/** Questions that are due together go out in no larger burst; this process takes replies between. */
const MAX_BURST = 16
/** What this process could not ask in time, because it was kept waiting for so long, is not made up for: no server gets a flood. */
const GIVE_UP_NS = 1e6
const LAST_REPLIES_NS = 1e9
/** From `begin` to the first question: who waits for it reads what the server has used so far. */
const START_NS = 50e6
const SLEEP_AT_END_US = 100

const { target, file, perSecond, seconds } = JSON.parse(process.argv[2]!) as Pace

/** The messages one behind the other, with what `send` takes of each. */
function readMessages(): { memory: Memory; ats: number[]; addresses: bigint[]; lengths: bigint[] } {
  const lines = readFileSync(file, 'utf8').split('\n', MAX_QUESTIONS)
  const messages = lines
    .filter(line => line !== '')
    .map(line => {
      const [name, type] = line.split(' ')
      return messageOf({ name: name!, type: type! })
    })
  const memory = new Memory(messages.reduce((sum, { length }) => sum + length, 0))
  const ats: number[] = []
  let at = 0
  for (const message of messages) {
    memory.bytes.set(message, at)
    ats.push(at)
    at += message.length
  }
  const addresses = ats.map(each => memory.address + BigInt(each))
  return { memory, ats, addresses, lengths: messages.map(({ length }) => BigInt(length)) }
}

const { memory, ats, addresses, lengths } = readMessages()
const sockets = Array.from({ length: SOCKETS }, () => new TimedSocket(target))
const total = Math.ceil(perSecond * seconds)
const spacingNs = 1e9 / perSecond
const sentNs = sockets.map(() => new Float64Array(65_536).fill(-1))
const tookUs = new Float64Array(total)
const lateUs = new Float64Array(total)
const rcodes = new Uint32Array(16)
let dueNs = 0
let sent = 0
let answered = 0

function ask(nowAtNs: number): void {
  for (let burst = 0; burst < MAX_BURST && sent < total && dueNs <= nowAtNs; burst++) {
    const message = sent % ats.length
    const socket = sent % SOCKETS
    const id = Math.floor(sent / SOCKETS) & 0xffff
    const at = ats[message]!
    memory.bytes[at] = id >> 8
    memory.bytes[at + 1] = id
    lateUs[sent] = (nowAtNs - dueNs) / 1000
    sentNs[socket]![id] = nowNs()
    sockets[socket]!.send(addresses[message]!, lengths[message]!)
    sent++
    dueNs = nowAtNs - dueNs > GIVE_UP_NS ? nowAtNs + spacingNs : dueNs + spacingNs
  }
}

function take(socket: number): void {
  const from = sockets[socket]!
  const sentAtNs = sentNs[socket]!
  const count = from.receive()
  for (let i = 0; i < count; i++) {
    const id = from.idOf(i)
    rcodes[from.rcodeOf(i)]! += 1
    const arrivedNs = from.arrivedNs(i)
    if (sentAtNs[id]! < 0) continue
    tookUs[answered++] = (arrivedNs - sentAtNs[id]!) / 1000
    sentAtNs[id] = -1
  }
}

dropTimerSlack()
writeSync(1, 'begin\n')
dueNs = nowNs() + START_NS
const endNs = dueNs + seconds * 1e9
for (
  let turn = 0, now = nowNs();
  now < endNs || (answered < sent && now < endNs + LAST_REPLIES_NS);
  turn++, now = nowNs()
) {
  if (now < endNs) ask(now)
  take(turn % SOCKETS)
  const untilDueUs = now < endNs && sent < total ? (dueNs - nowNs()) / 1000 : SLEEP_AT_END_US
  if (untilDueUs > 2) sleepUs(Math.min(1000, Math.floor(untilDueUs)))
}
writeSync(1, 'end\n')
const all = [...tookUs.subarray(0, answered)]
const [p50Us, p99Us, p999Us, maxUs] = [0.5, 0.99, 0.999, 1].map(share => percentile(all, share)) as [
  number,
  number,
  number,
  number,
]
const paced: Paced = {
  p50Us,
  p99Us,
  p999Us,
  maxUs,
  answered,
  lost: sent - answered,
  rcodes: Object.fromEntries([...rcodes.entries()].filter(([, count]) => count > 0)),
  lateP99Us: percentile([...lateUs.subarray(0, sent)], 0.99),
  queriesPerS: sent / seconds,
}
writeSync(1, `${JSON.stringify(paced)}\n`)
process.exit()
