/** Clients that ask one question at a time: on a connection that they keep, on a new one each time, from a new port, over HTTP. */
import { once } from 'node:events'
import { get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { framed } from '../harness/frames.ts'
import { query } from '../harness/message.ts'
import { exchangeTcp, exchangeUdp } from '../harness/server.ts'
import { delay } from '../harness/time.ts'

const ANSWER_MS = 2000
const NAME = 'web.shop.svc.cluster.local'

/** What came of them so far. */
export interface Outcome {
  asked: number
  answered: number
  /** Why questions were lost, the first ones. */
  readonly failures: string[]
}

export type Way = 'kept connection' | 'new connection' | 'new port' | 'health'

/** Asks every so many milliseconds until it is stopped. */
export class OneByOne {
  readonly outcome: Outcome = { asked: 0, answered: 0, failures: [] }
  readonly #ask: () => Promise<void>
  readonly #done: Promise<void>
  #isOver = false
  #socket: Socket | undefined

  constructor(way: Way, port: number, everyMs: number) {
    const message = query(NAME)
    const ways: Record<Way, () => Promise<unknown>> = {
      'kept connection': () => this.#onKept(message, port),
      'new connection': () => exchangeTcp(message, port),
      'new port': () => exchangeUdp(message, port),
      health: () => health(port),
    }
    this.#ask = async () => void (await ways[way]())
    this.#done = this.#run(everyMs)
  }

  async stop(): Promise<Outcome> {
    this.#isOver = true
    await this.#done
    this.#socket?.destroy()
    return this.outcome
  }

  async #run(everyMs: number): Promise<void> {
    for (; !this.#isOver; await delay(everyMs)) {
      this.outcome.asked++
      try {
        await this.#ask()
        this.outcome.answered++
      } catch (cause) {
        this.outcome.failures.push(cause instanceof Error ? cause.message : String(cause))
      }
    }
  }

  /** Before each question it looks whether the server has closed the connection, as resolvers do, and opens another then. */
  async #onKept(message: Buffer, port: number): Promise<void> {
    await new Promise(setImmediate) // what the kernel has of its end is read first
    if (this.#socket === undefined || this.#socket.readableEnded || this.#socket.destroyed) {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.on('error', () => {})
      await once(socket, 'connect')
      this.#socket = socket
    }
    const socket = this.#socket
    const answer = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), ANSWER_MS)
      const onEnd = () => reject(new Error('closed without an answer'))
      socket.once('close', onEnd)
      socket.once('data', () => {
        clearTimeout(timer)
        socket.off('close', onEnd)
        resolve()
      })
    })
    socket.write(framed(message))
    await answer
  }
}

function health(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/health', agent: false, timeout: ANSWER_MS }, response => {
      response.resume()
      response.once('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`/health says ${response.statusCode}`))
      })
    })
    request.on('timeout', () => request.destroy(new Error('/health says nothing')))
    request.on('error', reject)
  })
}
