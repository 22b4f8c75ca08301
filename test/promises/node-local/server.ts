/**
 * The endpoint of a Service: a name server that tells who answered. Every question is answered with one address, its mark.
 *
 * Arguments: `MARK ADDRESS[,ADDRESS…]`.
 */
import { createSocket } from 'node:dgram'
import { createServer, isIPv6, type Socket } from 'node:net'
import { framed, unframed } from '../../harness/frames.ts'

const [mark = '', list = ''] = process.argv.slice(2)
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
  stream.on('error', () => stream.destroy())
  stream.on(
    'data',
    unframed(query => stream.write(framed(replyTo(query)))),
  )
}

async function listen(address: string): Promise<void> {
  const udp = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' })
  udp.on('message', (query, { address: to, port }) => udp.send(replyTo(query), port, to))
  await new Promise<void>(done => udp.bind(53, address, done))
  await new Promise<void>(done => createServer(serveTcp).listen({ port: 53, host: address }, done))
}

for (const address of addresses) await listen(address)
console.log('listening')
