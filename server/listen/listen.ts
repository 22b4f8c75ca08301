/**
 * Makes listeners: picks the way to speak UDP, finds a port for both transports where none was given, and binds the
 * wildcard on kernels without IPv6 too.
 */
import { bindBeside } from './beside.ts'
import { loadFfi } from './ffi.ts'
import { joined } from './hand-over.ts'
import { listenHttps } from './https.ts'
import { ListenError, type Listener, type ListenerOptions, type Scheme, type Transport } from './listener.ts'
import { sharesAddresses } from './share.ts'
import { listenTcp } from './tcp.ts'
import { listenTls } from './tls.ts'
import { UdpBatch } from './udp-batch.ts'
import { listenDgram } from './udp-dgram.ts'

export { isWildcard } from './address.ts'
export { canJoin, shareAddresses } from './beside.ts'
export { hasSuccessor } from './hand-over.ts'
export {
  ListenError,
  type Listener,
  type ListenerOptions,
  type Scheme,
  type TcpLimits,
  type Transport,
} from './listener.ts'
export { checkShareAddresses, sharesAddresses } from './share.ts'
export { type ClientAuth, type HttpsLimits, type Secure, sameTls, type TlsPolicy } from './tls-policy.ts'

/** What can be spoken on one socket. */
type Speech = Transport | Exclude<Scheme, 'dns'>

const PAIR_ATTEMPTS = 20
const IPV6_MISSING = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])

/**
 * Binds one socket; it reads nothing before `start`. Address '' is the wildcard of both families, port 0 any port.
 * @throws ListenError
 */
export async function listen(
  speech: Speech,
  address: string,
  port: number,
  options: ListenerOptions,
): Promise<Listener> {
  if (address !== '') return bind(speech, address, port, options)
  try {
    return await bind(speech, '', port, options)
  } catch (cause) {
    if (!(cause instanceof ListenError && IPV6_MISSING.has(cause.code))) throw cause
    return bind(speech, '0.0.0.0', port, options)
  }
}

/** Binds UDP and TCP on the same port; with port 0 on one that is free for both. @throws ListenError */
export async function listenPair(
  address: string,
  port: number,
  options: ListenerOptions,
): Promise<{ udp: Listener; tcp: Listener }> {
  for (let attempt = 1; ; attempt++) {
    const udp = await listen('udp', address, port, options)
    try {
      return { udp, tcp: await listen('tcp', address, udp.port, options) }
    } catch (cause) {
      await udp.stop()
      if (port !== 0 || attempt === PAIR_ATTEMPTS) throw cause
    }
  }
}

async function bind(speech: Speech, address: string, port: number, options: ListenerOptions): Promise<Listener> {
  // A member of a group joins what another thread has bound, and has checked then.
  if (options.reusePort === true) return open(speech, address, port, options)
  if (options.isBeside !== true && !sharesAddresses()) return open(speech, address, port, options)
  const transport = speech === 'udp' ? 'udp' : 'tcp'
  const bound = await bindBeside(transport, address, port, reusePort =>
    open(speech, address, port, { ...options, reusePort }),
  )
  joined(bound)
  return bound
}

async function open(speech: Speech, address: string, port: number, options: ListenerOptions): Promise<Listener> {
  if (speech === 'tcp') return listenTcp(address, port, options)
  if (speech === 'https') return listenHttps(address, port, options)
  if (speech === 'tls') return listenTls(address, port, options)
  const ffi = options.udp === 'dgram' ? undefined : loadFfi()
  return ffi === undefined ? listenDgram(address, port, options) : new UdpBatch(ffi, address, port, options)
}
