/**
 * An upstream over UDP that can take a flood: it sends the question back with another header, and address 192.0.2.1 where
 * the rcode is NOERROR. TCP to it is refused, or accepted in silence.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { RCODE } from '../../server/wire/codes.ts'

export interface Upstream {
  /** `127.0.0.1:PORT` */
  readonly address: string
  /** Queries so far. */
  asked: number
  /** It says nothing over UDP. */
  isSilent: boolean
  close(): void
}

const HEADER_BYTES = 12
/** Owner: the question's; A, IN, TTL 30. */
const RECORD = Buffer.from('c00c000100010000001e0004c0000201', 'hex')

/** `rcode` undefined: it never says anything. */
export async function startUpstream(rcode: number | undefined): Promise<Upstream> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 8 << 20 }).bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const endSilence = rcode === undefined ? await acceptInSilence(port) : () => {}
  const close = () => {
    socket.close()
    endSilence()
  }
  const upstream = { address: `127.0.0.1:${port}`, asked: 0, isSilent: rcode === undefined, close }
  socket.on('message', (query, { port, address }) => {
    upstream.asked++
    if (upstream.isSilent || rcode === undefined) return
    const question = query.subarray(0, endOfQuestion(query))
    const hasAnswer = rcode === RCODE.NOERROR
    const reply = Buffer.concat(hasAnswer ? [question, RECORD] : [question])
    reply.writeUInt16BE(0x8180 | rcode, 2)
    reply.writeUInt16BE(hasAnswer ? 1 : 0, 6)
    reply.writeUInt32BE(0, 8)
    socket.send(reply, port, address, () => {})
  })
  return upstream
}

async function acceptInSilence(port: number): Promise<() => void> {
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket)
    socket.on('error', () => {}).resume()
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return () => {
    server.close()
    for (const socket of open) socket.destroy()
  }
}

function endOfQuestion(query: Buffer): number {
  let at = HEADER_BYTES
  while (query[at]! > 0) at += query[at]! + 1
  return at + 5
}
