/**
 * `tls`: the certificate of a server block's `tls://` and `https://` keys, and what is asked of clients. The files are read
 * at setup, so at each reload.
 */
import { readCertificates, readKey } from '../../server/certificates.ts'
import { together } from '../../server/corefile/directive.ts'
import type { ClientAuth, TlsPolicy } from '../../server/listen/tls-policy.ts'
import type { Directive, Occurrence, Plugin, Property, Site, Stage } from '../../server/plugin.ts'

/** Go's words, in the order of what they ask. */
const CLIENT_AUTH = [
  'nocert',
  'request',
  'require',
  'verify_if_given',
  'require_and_verify',
] as const satisfies readonly ClientAuth[]

export const plugin: Plugin = { name: 'tls', setup }

function setup(directive: Directive, site: Site): Stage {
  // CoreDNS: the last of several holds too.
  const [policy] = directive.map(occurrence => policyOf(occurrence, site.folder)).slice(-1)
  site.listen.tls = policy!
  return {}
}

function policyOf(occurrence: Occurrence, folder: string): TlsPolicy {
  let clientAuth: ClientAuth = 'nocert'
  let files: Pick<TlsPolicy, 'cert' | 'key' | 'ca'> | undefined
  together(
    () =>
      occurrence.each({
        client_auth: p => {
          clientAuth = p.argument().oneOf(CLIENT_AUTH, 'client_auth')
        },
        acme: p => {
          throw absent(p, 'a certificate in files')
        },
        keylog: p => {
          throw absent(p, 'no record of session keys')
        },
      }),
    () => {
      files = filesOf(occurrence, folder)
    },
  )
  return { ...files!, clientAuth }
}

function filesOf(occurrence: Occurrence, folder: string): Pick<TlsPolicy, 'cert' | 'key' | 'ca'> | undefined {
  // With `acme` CoreDNS takes no files: what is wrong then is `acme`, and that was said.
  if (occurrence.properties.some(({ name }) => name.text === 'acme')) return undefined
  const [cert, key, ca] = occurrence.arguments(2, 3)
  const certText = readCertificates(cert!, folder)
  const keyText = readKey(key!, folder, cert!, certText)
  return { cert: certText, key: keyText, ca: ca === undefined ? undefined : readCertificates(ca, folder) }
}

function absent(property: Property, expected: string): Error {
  return property.error(`"${property.name.text}" of CoreDNS is not part of Sextant yet, expected ${expected}`)
}
