/**
 * TLS to one upstream: whom its certificate must name, handshakes within a time, and sessions that the next connection
 * resumes. Strict (RFC 8310 §5): no query leaves before the certificate is accepted.
 */
import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { warn } from '../../../server/log.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** From the first SYN to a session: half the time that a question has, so that another upstream may still be asked. */
const HANDSHAKE_MS = 2200

export class TlsDialer {
  readonly #upstream: Upstream
  readonly #alpn: string[] | undefined
  /** Whom the certificate must name: a host name or an address. */
  readonly #name: string
  /** What the upstream gave out for the next handshake (RFC 8446 §2.2); only ever of one whose certificate was good. */
  #session: Buffer | undefined
  #told = ''

  constructor(upstream: Upstream, alpn?: string[]) {
    this.#upstream = upstream
    this.#alpn = alpn
    this.#name = upstream.serverName ?? upstream.host.replace(/%.*/, '')
  }

  /**
   * Opens a connection. What is written before the handshake is over waits for it. `closed` is told why it ends, once or
   * more often; `ready`, that the certificate is accepted.
   */
  dial(closed: (cause: Error) => void, ready?: (socket: TLSSocket) => void): Socket {
    const { host, port, family, options } = this.#upstream
    const localAddress = options.sourceAddress(family)
    const session = this.#session
    const socket = connect({
      host,
      port,
      ...(localAddress && { localAddress }),
      servername: isIP(this.#name) === 0 ? this.#name : '', // RFC 6066 §3: no addresses
      secureContext: options.tls!,
      ...(this.#alpn && { ALPNProtocols: this.#alpn }),
      ...(session && { session }),
      rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      checkServerIdentity: (_, certificate) => this.#check(certificate),
    })
    socket.setNoDelay(true)
    const late = () => socket.destroy(new Error(`no TLS connection within ${HANDSHAKE_MS}ms`))
    const deadline = setTimeout(late, HANDSHAKE_MS)
    deadline.unref()
    let isReady = false
    socket.on('secureConnect', () => {
      isReady = true
      clearTimeout(deadline)
      this.#told = ''
      ready?.(socket)
    })
    socket.on('session', ticket => {
      this.#session = ticket
    })
    socket.on('error', cause => {
      if (!isReady) this.#session = undefined
      closed(this.#describe(cause, socket))
    })
    socket.on('close', () => {
      clearTimeout(deadline)
      closed(new Error('connection closed by the upstream'))
    })
    return socket
  }

  #check(certificate: PeerCertificate): Error | undefined {
    // RFC 9525 §6.1: a common name is no host name.
    if (!certificate.subjectaltname) return new Error('it has no subject alternative name')
    return checkServerIdentity(this.#name, certificate)
  }

  /** The failure in the operator's words; a certificate that is not accepted is logged, once until one is. */
  #describe(cause: Error & { reason?: string }, socket: TLSSocket): Error {
    if (!socket.authorizationError) return new Error(cause.reason ?? cause.message, { cause })
    const text = `its certificate is not accepted for "${this.#name}": ${cause.message}`
    if (text !== this.#told) warn('forward', `upstream ${this.#upstream.text}: ${text}`)
    this.#told = text
    return new Error(text, { cause })
  }
}
