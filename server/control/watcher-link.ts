/**
 * `SEXTANT_WATCHER=PATH`: tells the watcher of a node, which listens on a Unix stream socket, which addresses are served here,
 * so that it can lead clients elsewhere where nobody serves them. Lines of ASCII, from here to there alone:
 *
 *   serving[ ADDRESS…]           twice a second, from the loop that answers, while its DNS listeners on port 53 are open
 *   leaving                      SIGTERM: nothing follows
 *
 * Addresses are those of plain DNS that are bound as such: a wildcard is none. The end of the connection is the end of the
 * process. DNS waits for none of it; a watcher that is not there, or has ended, is looked for as often.
 */
import { connect, type Socket } from 'node:net'
import { isWildcard, type Listener } from '../listen/listen.ts'
import { info, warn } from '../log.ts'
import type { Server } from './server.ts'

const DNS_PORT = 53
/** A watcher takes 1.5 s of silence for a server that hangs. */
const BEAT_MS = 500

export class WatcherLink {
  readonly #server: Server
  readonly #path: string
  readonly #port: number
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  /** What the log says of it last, so that it says it once. */
  #told: 'here' | 'gone' | undefined
  /** All stages have been ready: what they are later is for `ready` to tell. */
  #wasReady = false

  /** @param path of the socket; @param port whose addresses are told */
  constructor(server: Server, path: string, port = DNS_PORT) {
    this.#server = server
    this.#path = path
    this.#port = port
  }

  /** Begins to tell. The server serves. */
  start(): void {
    if (this.#server.isLeaving) return
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref()
    this.#beat()
  }

  /** Tells that the server leaves, and no more. */
  leave(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#socket?.readyState === 'open') this.#socket.write('leaving\n')
  }

  #beat(): void {
    if (this.#socket === undefined) this.#connect()
    else this.tell()
  }

  #connect(): void {
    const socket = connect(this.#path).unref()
    this.#socket = socket
    let cause = 'it has closed the connection'
    socket.on('connect', () => {
      this.#log('here', 'is told what is served')
      this.tell()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      cause = error.code ?? error.message
    })
    socket.on('close', () => {
      this.#socket = undefined
      if (this.#timer !== undefined) this.#log('gone', `is not there (${cause}) and is looked for twice a second`)
    })
    socket.resume() // nothing is expected; read all the same, which is how its end is seen
  }

  /** Tells what is served now, ahead of the next beat. */
  tell(): void {
    const socket = this.#socket
    // One that does not read is not written to either.
    if (this.#timer === undefined || socket?.readyState !== 'open' || socket.writableLength > 0) return
    const addresses = this.#served()
    if (addresses !== undefined) socket.write(`${['serving', ...addresses].join(' ')}\n`)
  }

  /** Undefined before all stages have been ready. */
  #served(): string[] | undefined {
    const { sockets, current } = this.#server
    this.#wasReady ||= current?.runningStages().every(({ stage }) => stage.ready?.() !== false) === true
    if (!this.#wasReady) return undefined
    const isTold = ({ transport, scheme, address, port }: Listener) =>
      transport === 'udp' && scheme === undefined && port === this.#port && !isWildcard(address)
    return [
      ...new Set(
        sockets
          .all()
          .filter(isTold)
          .map(({ address }) => address),
      ),
    ]
  }

  #log(state: 'here' | 'gone', text: string): void {
    if (this.#told === state) return
    this.#told = state
    const log = state === 'here' ? info : warn
    log(undefined, `the watcher at "${this.#path}" ${text}`)
  }
}
