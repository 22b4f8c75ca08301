/**
 * Certificates and private keys that a Corefile names: files in PEM form, read once, at setup; relative paths start from a
 * folder. A leaf, for plugins.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { resolve as resolvePath } from 'node:path'
import type { Argument } from './corefile/directive.ts'
import { readWhole } from './read-file.ts'

/** PEM text with at least one certificate, all of them readable. @throws CorefileError */
export function readCertificates(argument: Argument, folder: string): string {
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

/**
 * PEM text of the private key that goes with the first certificate of `certText`, which `cert` names.
 * @throws CorefileError
 */
export function readKey(key: Argument, folder: string, cert: Argument, certText: string): string {
  const keyText = readFileText(key, folder)
  let fits: boolean
  try {
    fits = new X509Certificate(certText).checkPrivateKey(createPrivateKey(keyText))
  } catch (cause) {
    throw unreadable(key, 'no private key in', 'PEM text with "BEGIN PRIVATE KEY" and without a passphrase', cause)
  }
  if (!fits) throw unreadable(key, 'another private key in', `the key of "${cert.text}"`)
  return keyText
}

function readFileText(argument: Argument, folder: string): string {
  try {
    return readWhole(resolvePath(folder, argument.text)).toString()
  } catch (cause) {
    throw unreadable(argument, 'cannot read', 'a file in PEM form', cause)
  }
}

function unreadable(argument: Argument, what: string, expected: string, cause?: unknown): Error {
  const reason = cause instanceof Error ? ` (${cause.message})` : ''
  const text = `${what} "${argument.text}"${reason}, expected ${expected}`
  return argument.error(text, 'COREFILE_UNREADABLE_FILE', cause)
}
