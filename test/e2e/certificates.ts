/**
 * The keys and certificates of a control plane, made with openssl: a CA, the API server's, an administrator's client
 * certificate, and the key that signs service account tokens. They live as long as the suite's work directory.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../harness/process.ts'

const CLIENT = 'extendedKeyUsage=clientAuth\n'

export interface Certificates {
  ca: string
  serverCert: string
  serverKey: string
  adminCert: string
  adminKey: string
  /** Paths of the key pair of service account tokens. */
  serviceAccountKey: string
  serviceAccountPublicKey: string
}

/**
 * Paths of PEM files in `dir`. Of further `clients`, by file name and subject, the certificates are NAME.crt and NAME.key.
 */
export async function createCertificates(
  dir: string,
  names: readonly string[],
  ips: readonly string[],
  clients: Readonly<Record<string, string>> = {},
): Promise<Certificates> {
  mkdirSync(dir, { recursive: true })
  const path = (name: string): string => join(dir, name)
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const ca = ['-keyout', path('ca.key'), '-out', path('ca.crt'), '-days', '2', '-subj', '/CN=sextant-e2e']
  await must('openssl', ['req', '-x509', ...ec, ...ca])

  const alternatives = [...names.map(name => `DNS:${name}`), ...ips.map(ip => `IP:${ip}`)].join(',')
  const issue = async (name: string, subject: string, extensions: string): Promise<void> => {
    const request = ['-keyout', path(`${name}.key`), '-out', path(`${name}.csr`), '-subj', subject]
    await must('openssl', ['req', ...ec, ...request])
    writeFileSync(path(`${name}.ext`), extensions)
    const signer = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2']
    const files = ['-in', path(`${name}.csr`), '-out', path(`${name}.crt`), '-extfile', path(`${name}.ext`)]
    await must('openssl', ['x509', '-req', ...signer, ...files])
  }
  await issue('server', '/CN=kube-apiserver', `extendedKeyUsage=serverAuth\nsubjectAltName=${alternatives}\n`)
  // Group system:masters is bound to cluster-admin by the API server itself.
  await issue('admin', '/O=system:masters/CN=e2e-admin', CLIENT)
  for (const [name, subject] of Object.entries(clients)) await issue(name, subject, CLIENT)

  await must('openssl', ['genrsa', '-out', path('service-account.key'), '2048'])
  const publicKey = ['-pubout', '-out', path('service-account.pub')]
  await must('openssl', ['rsa', '-in', path('service-account.key'), ...publicKey])
  return {
    ca: path('ca.crt'),
    serverCert: path('server.crt'),
    serverKey: path('server.key'),
    adminCert: path('admin.crt'),
    adminKey: path('admin.key'),
    serviceAccountKey: path('service-account.key'),
    serviceAccountPublicKey: path('service-account.pub'),
  }
}

export function read(path: string): string {
  return readFileSync(path, 'utf8')
}
