/**
 * A name server that tells who answered: every question is answered with one address, its own mark. Stands for the node's
 * server, with heartbeats to a watcher, and for the endpoint of the Service. SIGTERM: it says that it leaves, answers on for a
 * moment, and ends.
 *
 * Arguments: `MARK ADDRESS[,ADDRESS…] [PATH OF THE WATCHER'S SOCKET]`.
 */
import { createSocket } from 'node:dgram'
import { connect, createServer, isIPv6, type Socket } from 'node:net'

const HEARTBEAT_MS = 500
const AGAIN_MS = 100
const LAMEDUCK_MS = 800

const [mark = '', list = '', watcher] = process.argv.slice(2)
const addresses = list.split(',')

function replyTo(query: Buffer): Buffer {
  // RFC 1035 §4.1.3: the name of the question, A, IN, 0 s, 4 octets.
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...mark.split('.').map(Number)])
  const reply = Buffer.concat([query, record])
  reply[2] = reply[2]! | 0x80 // QR
  reply.writeUInt16BE(1, 6) // ANCOUNT
  return reply
}

function serveTcp(stream: Socket): void {
  let pending = Buffer.alloc(0)
  stream.on('error', () => stream.destroy())
  stream.on('data', (part: Buffer) => {
    pending = Buffer.concat([pending, part])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0)
      const reply = replyTo(pending.subarray(2, end))
      stream.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]))
      pending = pending.subarray(end)
    }
  })
}

async function listen(address: string): Promise<void> {
  const udp = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', reusePort: true })
  udp.on('message', (query, { address: to, port }) => udp.send(replyTo(query), port, to))
  await new Promise<void>(done => udp.bind(53, address, done))
  await new Promise<void>(done => createServer(serveTcp).listen({ port: 53, host: address, reusePort: true }, done))
}

let link: Socket | undefined
let isLeaving = false

function beat(): void {
  if (!isLeaving && link?.readyState === 'open') link.write(`serving ${addresses.join(' ')}\n`)
}

function follow(path: string): void {
  link = connect(path, beat)
  link.on('error', () => link?.destroy())
  link.on('close', () => setTimeout(() => follow(path), AGAIN_MS))
}

for (const address of addresses) await listen(address)
if (watcher !== undefined) {
  follow(watcher)
  setInterval(beat, HEARTBEAT_MS)
}
process.once('SIGTERM', () => {
  isLeaving = true
  link?.write('leaving\n')
  setTimeout(() => process.exit(0), LAMEDUCK_MS)
})
console.log('listening')
