/**
 * What the `tls` and `https` directives say of a listener, and what Node's TLS makes of it. TLS 1.2 and 1.3, nothing below
 * (RFC 8310 §3, RFC 9325 §3.1.1), and no renegotiation, which costs the server more than the client.
 */
import { constants } from 'node:crypto'
import type { TLSSocket, TlsOptions } from 'node:tls'

/** What is asked of a client: no certificate; one if it has it; any; none or one that is valid; one that is valid. */
export type ClientAuth = 'nocert' | 'request' | 'require' | 'verify_if_given' | 'require_and_verify'

/** PEM texts, and what is asked of clients. */
export interface TlsPolicy {
  readonly cert: string
  readonly key: string
  /** Who signs certificates of clients; undefined: the roots that come with Node. */
  readonly ca: string | undefined
  readonly clientAuth: ClientAuth
}

export interface HttpsLimits {
  /** Undefined: the default; 0: as many as other limits allow. */
  readonly maxConnections?: number
  /** Streams of an HTTP/2 connection at a time. */
  readonly maxStreams?: number
}

/** How an encrypted listener is made, and made anew at a reload. */
export interface Secure {
  readonly policy: TlsPolicy
  readonly https?: HttpsLimits | undefined
}

/** In what two policies differ; undefined if they are the same. */
export function sameTls(a: TlsPolicy, b: TlsPolicy): string | undefined {
  if (a.clientAuth !== b.clientAuth) return `client_auth "${a.clientAuth}" and "${b.clientAuth}"`
  if (a.ca !== b.ca) return 'different CAs of clients'
  if (a.cert !== b.cert || a.key !== b.key) return 'different certificates'
  return undefined
}

/** What is spoken within. */
export interface SpeechOptions {
  /** To choose from where a client names some (ALPN, RFC 7301). */
  readonly protocols: readonly string[]
  /** A client that has said all is still answered. */
  readonly allowHalfOpen?: boolean
}

/** For `tls.createServer`. */
export function serverOptions({ cert, key, ca, clientAuth }: TlsPolicy, { protocols }: SpeechOptions): TlsOptions {
  return {
    cert,
    key,
    ca,
    requestCert: clientAuth !== 'nocert',
    rejectUnauthorized: clientAuth === 'require_and_verify',
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ALPNProtocols: [...protocols],
  }
}

/** True if the certificate that a client has shown, or has not, is enough. What must be verified in any case was. */
export function isWelcome(socket: TLSSocket, clientAuth: ClientAuth): boolean {
  if (clientAuth !== 'require' && clientAuth !== 'verify_if_given') return true
  const hasShown = Object.keys(socket.getPeerCertificate()).length > 0
  return clientAuth === 'require' ? hasShown : !hasShown || socket.authorized
}
