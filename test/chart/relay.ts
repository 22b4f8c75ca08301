/** A way to another address over TCP that can be cut, as a cable is, and mended. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export class Relay {
  readonly port: number
  readonly #server: Server
  readonly #host: string
  readonly #to: number
  readonly #open = new Set<Socket>()
  #isCut = false

  private constructor(server: Server, host: string, to: number) {
    this.#server = server
    this.#host = host
    this.#to = to
    this.port = (server.address() as AddressInfo).port
    server.on('connection', socket => this.#join(socket))
  }

  /** Listens on a free port of 127.0.0.1 and leads to `host:port`. */
  static async to(host: string, port: number): Promise<Relay> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Relay(server, host, port)
  }

  /** Connections end, and new ones are closed at once. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#open) socket.destroy()
  }

  mend(): void {
    this.#isCut = false
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(near: Socket): void {
    if (this.#isCut) {
      near.destroy()
      return
    }
    const far = connect(this.#to, this.#host)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(one)
      one.pipe(other)
      one.on('error', () => one.destroy())
      one.on('close', () => {
        this.#open.delete(one)
        other.destroy()
      })
    }
  }
}
