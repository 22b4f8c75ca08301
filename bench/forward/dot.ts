/** Forwarding over TLS, connections reused, to an Unbound that answers every name out of its configuration. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { forwardCorefile } from '../peers/corefile.ts'
import { startTlsServer, type TlsFiles } from '../peers/unbound.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { measureLoads } from './loads.ts'
import { WILD_ZONE } from './names.ts'

const SERVER_NAME = 'dot.example'
const FASTEST_PER_S = 100_000

export async function measureDot(sides: Sides, settings: Settings): Promise<Row[]> {
  const tls = selfSigned(sides.folder)
  const server = await startTlsServer(sides, WILD_ZONE, tls)
  if (server === undefined) return []
  const corefile = forwardCorefile({
    upstream: `tls://127.0.0.1:${server.port}`,
    forward: [`tls ${tls.certificate}`, `tls_servername ${SERVER_NAME}`, 'max_concurrent 1000'],
  })
  const targets = [await sides.sextant(corefile), await sides.coredns(corefile), undefined]
  return measureLoads('forward over TLS', sides, targets, settings, FASTEST_PER_S)
}

/** A certificate that is its own authority, and its key. */
function selfSigned(folder: string): TlsFiles {
  const files = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  const names = ['-subj', `/CN=${SERVER_NAME}`, '-addext', `subjectAltName=DNS:${SERVER_NAME}`]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...names, '-out', files.certificate], {
    stdio: 'ignore',
  })
  return files
}
