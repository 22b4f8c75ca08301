/** Forwarding over TLS, connections reused, to an Unbound that answers every name out of its configuration. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { dnsperf, type Load } from '../dnsperf.ts'
import { forwardCorefile } from '../peers/corefile.ts'
import { startTlsServer, type TlsFiles } from '../peers/unbound.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { inTurns, RUN_COLUMNS, rowsOf } from '../turns.ts'
import { verifyAnswered } from '../verify.ts'
import { WILD_ZONE, writeDistinct } from './names.ts'

const SERVER_NAME = 'dot.example'
const OUTSTANDING = 200
const FASTEST_PER_S = 100_000
const LOADS: readonly { work: string; load: Partial<Load> }[] = [
  { work: 'forward over TLS, saturated', load: {} },
  { work: 'forward over TLS, 5,000/s', load: { pace: 5_000 } },
]

export async function measureDot(sides: Sides, rounds: number, seconds: number): Promise<Row[]> {
  const tls = selfSigned(sides.folder)
  const server = await startTlsServer(sides, WILD_ZONE, tls)
  if (server === undefined) return []
  const corefile = forwardCorefile({
    upstream: `tls://127.0.0.1:${server.port}`,
    forward: [`tls ${tls.certificate}`, `tls_servername ${SERVER_NAME}`, 'max_concurrent 1000'],
  })
  const targets = [await sides.sextant(corefile), await sides.coredns(corefile), undefined]
  const file = join(sides.folder, 'questions')
  const rows: Row[] = []
  for (const { work, load } of LOADS) {
    const runs = await inTurns(targets, rounds, async target => {
      writeDistinct(file, (load.pace ?? FASTEST_PER_S) * seconds, ['one'])
      const run = await dnsperf(target, { file, seconds, outstanding: OUTSTANDING, ...load })
      verifyAnswered(target, run)
      return run
    })
    rows.push(...rowsOf(work, RUN_COLUMNS, runs))
  }
  return rows
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
