/**
 * A process of its own that begins TLS handshakes at a steady pace and completes none: the same ClientHello each time, which
 * costs the client nothing and the server a signature. Prints how many the server answered, and how many it turned away.
 */
import { connect } from 'node:net'
import { clientHello } from '../harness/client-hello.ts'

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
