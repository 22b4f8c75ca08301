/**
 * What TLS to upstreams trusts, and shows of itself: the files of `tls [CA | CERT KEY | CERT KEY CA]`, read once, at
 * setup. Without a CA the system's roots are trusted, and where a system has none, those that come with Node.
 */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import { debug } from '../../server/log.ts'
import type { Argument } from '../../server/plugin.ts'

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
  const privateKey = readFileText(key, folder)
  checkKey(key, privateKey, cert, certificate)
  return contextOf(trusted, certificate, privateKey)
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
      return readFileSync(path, 'latin1')
    } catch (cause) {
      debug('forward', `no root certificates: ${cause instanceof Error ? cause.message : cause}`)
    }
  }
  return undefined
}

/** PEM text with at least one certificate, all of them readable. */
function readCertificates(argument: Argument, folder: string): string {
  const text = readFileText(argument, folder)
  const all = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (all.length === 0) throw unreadable(argument, 'no certificate in', 'PEM text with "BEGIN CERTIFICATE"')
  for (const one of all) {
    try {
      new X509Certificate(one)
    } catch (cause) {
      throw unreadable(argument, 'broken certificate in', 'PEM text', cause)
    }
  }
  return text
}

function checkKey(key: Argument, keyText: string, cert: Argument, certText: string): void {
  let fits: boolean
  try {
    fits = new X509Certificate(certText).checkPrivateKey(createPrivateKey(keyText))
  } catch (cause) {
    throw unreadable(key, 'no private key in', 'PEM text with "BEGIN PRIVATE KEY" and without a passphrase', cause)
  }
  if (!fits) throw unreadable(key, 'another private key in', `the key of "${cert.text}"`)
}

function readFileText(argument: Argument, folder: string): string {
  try {
    return readFileSync(resolvePath(folder, argument.text), 'utf8')
  } catch (cause) {
    throw unreadable(argument, 'cannot read', 'a file in PEM form', cause)
  }
}

function unreadable(argument: Argument, what: string, expected: string, cause?: unknown): Error {
  const reason = cause instanceof Error ? ` (${cause.message})` : ''
  const text = `${what} "${argument.text}"${reason}, expected ${expected}`
  return argument.error(text, 'COREFILE_UNREADABLE_FILE', cause)
}
