/** The certificates of tls/, as servers take them. */
import { readFileSync } from 'node:fs'
import type { TlsOptions } from 'node:tls'

/** The folder, for Corefiles that name its files. */
export const tlsFolder = `${import.meta.dirname}/tls`

export const pem = (name: string) => readFileSync(`${tlsFolder}/${name}`, 'utf8')

/** The certificate of that name with its key. */
export function certified(name: string): TlsOptions {
  return { cert: pem(`${name}.crt`), key: pem(`${name}.key`) }
}

/** `localhost`, `api.test` and `127.0.0.1`, by the CA in ca.crt. */
export const SERVER: TlsOptions = certified('server')

/** Clients must have a certificate by the CA in ca.crt. */
export const MUTUAL: TlsOptions = { ...SERVER, ca: pem('ca.crt'), requestCert: true, rejectUnauthorized: true }
