/** Puts many questions to one server over loopback: UDP with a window, TCP pipelined on one connection. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { framed, unframed } from '../harness/frames.ts'

/** Few enough that no socket's buffer runs over: a lost datagram is no difference. */
const AT_ONCE = 16
/** Both servers give up on an upstream after five seconds. */
const WAIT_MS = 7000

/** One reply for each message, undefined where none came. */
export type Replies = (Buffer | undefined)[]

/** Sends messages `AT_ONCE` at a time; ids tell replies apart. */
class Window {
  readonly replies: Replies
  readonly #messages: readonly Buffer[]
  readonly #send: (message: Buffer) => void
  readonly #timers = new Map<number, NodeJS.Timeout>()
  #next = 0
  #open = 0
  #done!: () => void
  readonly done = new Promise<void>(resolve => {
    this.#done = resolve
  })

  constructor(messages: readonly Buffer[], send: (message: Buffer) => void) {
    if (messages.length > 0xffff) throw new RangeError('more questions than ids')
    this.#messages = messages
    this.#send = send
    this.replies = new Array(messages.length)
    this.#fill()
  }

  take(reply: Buffer): void {
    if (reply.length < 12) return
    const id = reply.readUInt16BE(0)
    if (this.#timers.has(id)) this.#settle(id, reply)
  }

  /** No reply will come any more to what is open. */
  abandon(): void {
    for (const id of [...this.#timers.keys()]) this.#settle(id, undefined)
  }

  #fill(): void {
    while (this.#open < AT_ONCE && this.#next < this.#messages.length) {
      const id = this.#next++
      const message = Buffer.from(this.#messages[id]!)
      message.writeUInt16BE(id, 0)
      this.#open++
      this.#timers.set(
        id,
        setTimeout(() => this.#settle(id, undefined), WAIT_MS),
      )
      this.#send(message)
    }
    if (this.#open === 0) this.#done()
  }

  #settle(id: number, reply: Buffer | undefined): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.replies[id] = reply
    this.#open--
    this.#fill()
  }
}

export async function askUdp(port: number, messages: readonly Buffer[]): Promise<Replies> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {}) // a port that closes: no replies
  const window = new Window(messages, message => socket.send(message))
  socket.on('message', message => window.take(message))
  await window.done
  socket.close()
  return window.replies
}

/** A connection that the server closes is opened again for what follows. */
export async function askTcp(port: number, messages: readonly Buffer[]): Promise<Replies> {
  let connection = open()
  const window = new Window(messages, message => {
    if (connection.destroyed || !connection.writable) connection = open()
    connection.write(framed(message))
  })

  function open() {
    const socket = connect(port, '127.0.0.1')
    socket.on(
      'data',
      unframed(reply => window.take(reply)),
    )
    socket.on('error', () => {})
    socket.on('close', () => {
      if (socket === connection) window.abandon()
    })
    return socket
  }

  await window.done
  connection.destroy()
  return window.replies
}
