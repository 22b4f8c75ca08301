/**
 * A process of its own that begins TLS handshakes at a steady pace and completes none: the same ClientHello each time, which
 * costs the client nothing and the server a signature. Prints how many the server answered, and how many it turned away.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface Hellos {
  readonly port: number
  readonly perSecond: number
  readonly seconds: number
}

export interface HelloCount {
  begun: number
  answered: number
  /** Closed before the server said anything. */
  refused: number
}

const TICK_MS = 10

/** What a client of Node's says first. */
async function clientHello(): Promise<Buffer> {
  const listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  const client = connectTls({ port, host: '127.0.0.1', servername: 'localhost' })
  client.on('error', () => {})
  const [socket] = await once(listener, 'connection')
  const [hello] = await once(socket, 'data')
  client.destroy()
  socket.destroy()
  listener.close()
  return hello
}

function begin(port: number, hello: Buffer, count: HelloCount): void {
  const socket = connect(port, '127.0.0.1', () => socket.write(hello))
  let isAnswered = false
  count.begun++
  socket.on('error', () => {})
  socket.once('data', () => {
    isAnswered = true
    count.answered++
    socket.destroy()
  })
  socket.on('close', () => {
    if (!isAnswered) count.refused++
  })
}

if (import.meta.main) {
  const { port, perSecond, seconds }: Hellos = JSON.parse(process.argv[2]!)
  const hello = await clientHello()
  const count: HelloCount = { begun: 0, answered: 0, refused: 0 }
  const startMs = performance.now()
  const ticks = setInterval(() => {
    const elapsedS = Math.min(seconds, (performance.now() - startMs) / 1000)
    while (count.begun < elapsedS * perSecond) begin(port, hello, count)
  }, TICK_MS)
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  clearInterval(ticks)
  process.stdout.write(`${JSON.stringify(count)}\n`, () => process.exit(0))
}
