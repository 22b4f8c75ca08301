/**
 * DNS over TLS (RFC 7858): what TCP does, on connections whose handshake is done (handshakes.ts).
 */
import { createServer } from 'node:net'
import type { Routes } from '../route.ts'
import { Handshakes } from './handshakes.ts'
import type { Listener, ListenerOptions, TcpLimits } from './listener.ts'
import { bindServer, TcpListener } from './tcp.ts'
import type { Secure } from './tls-policy.ts'

const PROTOCOLS = ['dot'] // RFC 7858 §3.1 knows none; IANA's registry of ALPN names has this one
/** An encrypted connection is some 60 KB, ten times a plain one. */
const MAX_CONNECTIONS = 1000

/** Binds; serves nothing before `start`. @throws ListenError */
export async function listenTls(address: string, port: number, options: ListenerOptions): Promise<Listener> {
  if (options.secure === undefined) throw new TypeError(`no certificate for ${options.server}, expected one`)
  const server = createServer({ pauseOnConnect: true, noDelay: true })
  const handshakes = new Handshakes(server, options.server, options.secure.policy, {
    protocols: PROTOCOLS,
    allowHalfOpen: true,
  })
  const tcp = { maxConnections: MAX_CONNECTIONS, ...options.tcp }
  const connections = new TcpListener(handshakes, address, { ...options, tcp })
  await bindServer(server, address, port, options)
  return new TlsListener(handshakes, connections)
}

class TlsListener implements Listener {
  readonly transport = 'tcp'
  readonly scheme = 'tls'
  readonly #handshakes: Handshakes
  readonly #connections: TcpListener

  constructor(handshakes: Handshakes, connections: TcpListener) {
    this.#handshakes = handshakes
    this.#connections = connections
  }

  get address(): string {
    return this.#connections.address
  }
  get port(): number {
    return this.#connections.port
  }
  get received(): number {
    return this.#connections.received
  }
  get routes(): Routes {
    return this.#connections.routes
  }
  set routes(routes: Routes) {
    this.#connections.routes = routes
  }

  shareWith(sockets: number): void {
    this.#connections.shareWith(sockets)
  }

  limitTo(limits: Partial<TcpLimits>): void {
    this.#connections.limitTo({ maxConnections: MAX_CONNECTIONS, ...limits })
  }

  secure({ policy }: Secure): void {
    this.#handshakes.renew(policy)
  }

  start(): void {
    this.#connections.start()
    this.#handshakes.start()
  }

  handOver(): void {
    this.#connections.handOver()
  }

  stop(): Promise<void> {
    return this.#connections.stop()
  }
}
