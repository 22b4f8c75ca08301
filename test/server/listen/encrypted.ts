/** Encrypted listeners for tests, and clients of them. */
import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Listener, type ListenerOptions, listen, type TlsPolicy } from '../../../server/listen/listen.ts'
import { cells, families } from '../../../server/metrics.ts'
import { pem } from '../../harness/tls.ts'
import { Behaviour } from './fixture.ts'

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

/** What a counter of the listener `server` says, by the value of its second label. */
export function counted(name: string, server: string, value: string): number {
  const children = [...(families.get(name)?.children.values() ?? [])]
  const found = children.find(({ values }) => values[0] === server && values[1] === value)
  return found === undefined ? 0 : cells[found.cell]!
}
