/** Encrypted listeners for tests, and clients of them. */
import { type EventEmitter, once } from 'node:events'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Listener, type ListenerOptions, listen, type TlsPolicy } from '../../../server/listen/listen.ts'
import { cells, families } from '../../../server/metrics.ts'
import { pem } from '../../harness/tls.ts'
import { Behaviour, TcpClient } from './fixture.ts'

/** The certificate of that name, with its key. */
export function policy(name = 'server', more: Partial<TlsPolicy> = {}): TlsPolicy {
  return { cert: pem(`${name}.crt`), key: pem(`${name}.key`), ca: undefined, clientAuth: 'nocert', ...more }
}

export interface Encrypted {
  readonly listener: Listener
  readonly port: number
  readonly behaviour: Behaviour
}

/** Runs `body` with a listener on a free port of the loopback, and stops it whatever happens. */
export async function withEncrypted(
  scheme: 'tls' | 'https',
  options: Partial<ListenerOptions>,
  body: (at: Encrypted) => Promise<void>,
): Promise<void> {
  const behaviour = new Behaviour()
  const secure = { policy: policy() }
  const made = { routes: behaviour.routes, server: `${scheme}://:test`, secure, ...options }
  const listener = await listen(scheme, '127.0.0.1', 0, made)
  listener.start()
  try {
    await body({ listener, port: listener.port, behaviour })
  } finally {
    behaviour.release()
    await listener.stop()
  }
}

/** A client that trusts the tests' CA. Rejects where there is no agreement. */
export async function connectTls(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: pem('ca.crt'), servername: 'localhost', ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** Resolves when the socket is closed, however that comes: `once` would reject where the other side resets it. */
export function whenClosed(socket: EventEmitter): Promise<void> {
  socket.on('error', () => {})
  return new Promise(resolve => socket.once('close', () => resolve()))
}

/** One message there and one back over TLS, on a connection of its own. */
export async function exchangeTls(message: Uint8Array, port: number): Promise<Buffer> {
  const client = TcpClient.on(await connectTls(port))
  try {
    return await client.ask(message)
  } finally {
    client.close()
  }
}

/** The same over HTTPS: the body of a response that is a success. */
export async function exchangeHttps(message: Uint8Array, port: number): Promise<Buffer> {
  const socket = await connectTls(port, { ALPNProtocols: ['h2'] })
  const session = connectHttp2('https://localhost', { createConnection: () => socket })
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/dns-query',
      'content-type': 'application/dns-message',
    })
    stream.end(message)
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }]
    if (headers[':status'] !== 200) throw new Error(`status ${headers[':status']}, expected 200`)
    const parts: Buffer[] = []
    for await (const part of stream) parts.push(part as Buffer)
    return Buffer.concat(parts)
  } finally {
    session.destroy()
    socket.destroy()
  }
}

/** What a counter of the listener `server` says, by the value of its second label. */
export function counted(name: string, server: string, value: string): number {
  const children = [...(families.get(name)?.children.values() ?? [])]
  const found = children.find(({ values }) => values[0] === server && values[1] === value)
  return found === undefined ? 0 : cells[found.cell]!
}
