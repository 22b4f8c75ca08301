/**
 * What TLS to upstreams trusts, and shows of itself: the files of `tls [CA | CERT KEY | CERT KEY CA]`, read once, at
 * setup. Without a CA the system's roots are trusted, and where a system has none, those that come with Node.
 */
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { readCertificates, readKey } from '../../server/certificates.ts'
import { debug } from '../../server/log.ts'
import type { Argument } from '../../server/plugin.ts'
import { readWhole } from '../../server/read-file.ts'

/** Where systems keep their roots in one file: Debian, Fedora, openSUSE, Alpine. `SSL_CERT_FILE` goes first. */
const ROOT_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/**
 * Reads the files that the arguments name, relative ones from `folder`.
 * @throws CorefileError
 */
export function readCredentials(args: readonly Argument[], folder: string): SecureContext {
  const [cert, key] = args.length > 1 ? args : []
  const ca = args.length % 2 === 1 ? args.at(-1)! : undefined
  const trusted = ca === undefined ? undefined : readCertificates(ca, folder)
  if (cert === undefined || key === undefined) return contextOf(trusted)
  const certificate = readCertificates(cert, folder)
  return contextOf(trusted, certificate, readKey(key, folder, cert, certificate))
}

/** What trusts the system's roots and shows nothing: to read so many certificates takes 10 ms, and a reload finds the same. */
let ofSystem: { readonly roots: string | undefined; readonly context: SecureContext } | undefined

function contextOf(trusted?: string, cert?: string, key?: string): SecureContext {
  if (trusted !== undefined) return makeContext(trusted, cert, key)
  const roots = systemRoots()
  if (cert !== undefined) return makeContext(roots, cert, key)
  if (ofSystem === undefined || ofSystem.roots !== roots) ofSystem = { roots, context: makeContext(roots) }
  return ofSystem.context
}

function makeContext(trusted?: string, cert?: string, key?: string): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2', // RFC 7858 §3.2, RFC 9113 §9.2
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION, // RFC 9113 §9.2.1
    ca: trusted,
    allowPartialTrustChain: true, // as in CoreDNS, a CA that is named need not be a root
    cert,
    key,
  })
}

/** PEM text; undefined if the system has none. */
function systemRoots(): string | undefined {
  const { SSL_CERT_FILE } = process.env
  for (const path of SSL_CERT_FILE ? [SSL_CERT_FILE] : ROOT_FILES) {
    try {
      return readWhole(path).toString('latin1')
    } catch (cause) {
      debug('forward', `no root certificates: ${cause instanceof Error ? cause.message : cause}`)
    }
  }
  return undefined
}
