/** One question at a time over UDP or TCP, with the time that it took: for changes that are waited for. */
import { createSocket, type Socket } from 'node:dgram'
import { decode, encode, type Packet } from 'dns-packet'
import type { Target } from './dnsperf.ts'

const WAIT_MS = 1_000

export interface Reply {
  readonly rcode: string
  /** Addresses, of A records. */
  readonly data: readonly string[]
}

export class Asker {
  readonly #socket: Socket
  #id = 0

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async to({ address, port }: Target): Promise<Asker> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
    await new Promise<void>(resolve => socket.connect(port, address, resolve))
    socket.on('error', () => {})
    return new Asker(socket)
  }

  close(): void {
    this.#socket.close()
  }

  ask(name: string, type = 'A'): Promise<Reply> {
    this.#id = (this.#id + 1) & 0xffff
    const id = this.#id
    const questions = [{ name, type, class: 'IN' }]
    this.#socket.send(encode({ type: 'query', id, flags: 0x100, questions } as unknown as Packet))
    return new Promise((resolve, reject) => {
      const take = (octets: Buffer) => {
        if (octets.readUInt16BE(0) !== id) return
        clearTimeout(timer)
        this.#socket.off('message', take)
        const reply = decode(octets) as unknown as Packet & { rcode: string }
        resolve({
          rcode: reply.rcode,
          data: (reply.answers ?? []).map(record => String((record as { data: unknown }).data)),
        })
      }
      const timer = setTimeout(() => {
        this.#socket.off('message', take)
        reject(new Error(`no reply to ${name} ${type} in ${WAIT_MS} ms`))
      }, WAIT_MS)
      this.#socket.on('message', take)
    })
  }

  /** Asks over and over until the answer is as wanted; milliseconds until it came. */
  async until(name: string, wanted: (reply: Reply) => boolean, withinMs = 5_000): Promise<number> {
    const startMs = performance.now()
    for (;;) {
      const reply = await this.ask(name)
      const tookMs = performance.now() - startMs
      if (wanted(reply)) return tookMs
      if (tookMs > withinMs) throw new Error(`${name} is ${reply.rcode} ${reply.data.join(' ')} after ${withinMs} ms`)
    }
  }
}

/**
 * Milliseconds until changes showed. A peer whose cache keeps what was there before has none, and the reason is told.
 * @throws Error of ours
 */
export async function showing({ name }: Target, changes: Promise<number[]>): Promise<number[]> {
  return changes.catch((cause: Error) => {
    if (name === 'sextant') throw cause
    process.stderr.write(`  ${name}: ${cause.message}\n`)
    return []
  })
}

/** The value below which a share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
