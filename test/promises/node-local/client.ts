/**
 * A stub resolver that looks names up at a pace, in whatever namespace it is started, with the attempts that resolvers make.
 * Argument: `ClientOptions` as JSON. Prints `asking` when it begins, and a `Lookups` as JSON at its end.
 */
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { framed, unframed } from '../../harness/frames.ts'
import { query } from '../../harness/message.ts'
import { delay } from '../../harness/time.ts'

export interface ClientOptions {
  readonly server: string
  readonly over: 'udp' | 'tcp'
  readonly everyMs: number
  /** How many look-ups at each beat: 1. */
  readonly atOnce?: number
  readonly forMs: number
  /** All from one port, or over one connection. */
  readonly keepsPort?: boolean
  /** Of each attempt, and how many there are: glibc's 5 s, 2. */
  readonly timeoutMs?: number
  readonly attempts?: number
}

/** What came of it. */
export interface Lookups {
  readonly asked: number
  /** Look-ups without an answer to any attempt. */
  readonly failed: number
  /** Attempts without an answer, and those of them that were refused at once. */
  readonly lost: number
  readonly refused: number
  readonly slowestMs: number
  /** The longest time without any answer, as long as it asks. */
  readonly gapMs: number
  /** Answers by who gave them. */
  readonly by: Readonly<Record<string, number>>
  /** Each time that another one answered, in the order in which was asked: who, and when first, by `Date.now()`. */
  readonly turns: readonly { readonly who: string; readonly atMs: number }[]
}

const options = JSON.parse(process.argv[2]!) as ClientOptions
const { server, over, everyMs, atOnce = 1, forMs, keepsPort = false, timeoutMs = 5000, attempts = 2 } = options
let nextId = 0
let [asked, failed, lost, refused, slowestMs, gapMs] = [0, 0, 0, 0, 0, 0]
const startedMs = performance.now()
let lastAtMs = startedMs
const by: Record<string, number> = {}
/** Answers overtake one another: what tells who was asked is when the question left. */
const answers: { who: string; sentMs: number; atMs: number }[] = []

/** Who answered, by the address at the reply's end; 'refused', or '' where nobody did in time. */
type Answer = string

function whoOf(reply: Buffer): string {
  return reply.subarray(-4).join('.')
}

async function inTime(answer: Promise<Answer>): Promise<Answer> {
  const late = new AbortController()
  try {
    return await Promise.race([answer, delay(timeoutMs, '', { signal: late.signal }).catch(() => '')])
  } finally {
    late.abort()
  }
}

/** Where questions leave from, any number at a time. */
abstract class Port {
  readonly #waiting = new Map<number, (answer: Answer) => void>()

  async ask(message: Buffer): Promise<Answer> {
    await this.opened
    const id = message.readUInt16BE(0)
    const answer = new Promise<Answer>(done => this.#waiting.set(id, done))
    this.send(message)
    try {
      return await inTime(answer)
    } finally {
      this.#waiting.delete(id)
    }
  }

  protected take(reply: Buffer): void {
    this.#waiting.get(reply.readUInt16BE(0))?.(whoOf(reply))
  }

  /** No answer will come to this question, or to any that is open. */
  protected refuse(id?: number): void {
    for (const [waiting, done] of this.#waiting) if (id === undefined || id === waiting) done('refused')
  }

  /** Before that nothing can be sent. */
  protected abstract readonly opened: Promise<void> | undefined
  protected abstract send(message: Buffer): void
  abstract close(): void
}

class UdpPort extends Port {
  readonly #socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
  protected readonly opened = new Promise<void>(done => this.#socket.connect(53, server, done))

  constructor() {
    super()
    this.#socket.on('message', reply => this.take(reply))
    this.#socket.on('error', () => this.refuse())
  }

  protected send(message: Buffer): void {
    this.#socket.send(message, cause => cause && this.refuse(message.readUInt16BE(0)))
  }

  close(): void {
    this.#socket.close()
  }
}

class TcpPort extends Port {
  readonly #stream = connect({ port: 53, host: server, noDelay: true })
  protected readonly opened = undefined

  constructor() {
    super()
    this.#stream.on(
      'data',
      unframed(reply => this.take(reply)),
    )
    this.#stream.on('error', () => this.#stream.destroy())
    this.#stream.on('close', () => this.refuse())
    this.#stream.on('end', () => this.#stream.destroy())
  }

  protected send(message: Buffer): void {
    if (this.#stream.destroyed) this.refuse()
    else this.#stream.write(framed(message))
  }

  close(): void {
    this.#stream.destroy()
  }
}

const openPort = () => (over === 'tcp' ? new TcpPort() : new UdpPort())
const kept = keepsPort ? openPort() : undefined

async function attempt(message: Buffer): Promise<Answer> {
  if (kept !== undefined) return kept.ask(message)
  const port = openPort()
  try {
    return await port.ask(message)
  } finally {
    port.close()
  }
}

async function lookUp(): Promise<void> {
  asked++
  const startMs = performance.now()
  for (let left = attempts; left > 0; left--) {
    const message = query('who.test')
    message.writeUInt16BE(nextId++ & 0xffff)
    const sentMs = performance.now()
    const answer = await attempt(message)
    if (answer !== '' && answer !== 'refused') return note(answer, startMs, sentMs)
    lost++
    if (answer === 'refused') refused++
  }
  failed++
}

function note(who: string, startMs: number, sentMs: number): void {
  const nowMs = performance.now()
  by[who] = (by[who] ?? 0) + 1
  slowestMs = Math.max(slowestMs, nowMs - startMs)
  if (nowMs < startedMs + forMs) gapMs = Math.max(gapMs, nowMs - lastAtMs)
  lastAtMs = nowMs
  answers.push({ who, sentMs, atMs: Date.now() })
}

console.log('asking')
const open: Promise<void>[] = []
for (let beats = 0; beats * everyMs < forMs; beats++) {
  const waitMs = startedMs + beats * everyMs - performance.now()
  if (waitMs > 0) await delay(waitMs)
  for (let i = 0; i < atOnce; i++) open.push(lookUp())
}
await Promise.all(open)
kept?.close()
const turns: { who: string; atMs: number }[] = []
for (const { who, atMs } of answers.sort((a, b) => a.sentMs - b.sentMs)) {
  const last = turns.at(-1)
  if (last?.who === who) last.atMs = Math.min(last.atMs, atMs)
  else turns.push({ who, atMs })
}
console.log(JSON.stringify({ asked, failed, lost, refused, slowestMs, gapMs, by, turns } satisfies Lookups))
