/**
 * Entry of `npm run promises [-- PART-OF-A-NAME…]`: what docs/promises.md promises of the whole server, under load and in
 * trouble, each with its figure. In namespaces of its own, on their loopback; the built server, as it is shipped.
 * `--long` runs the sizes of the promises where those for every change are smaller.
 */
import { parseArgs } from 'node:util'
import { inNamespaces } from '../harness/namespaces.ts'
import { stopAll } from '../harness/process.ts'
import { conclude, runTests } from '../harness/suite.ts'
import { abandonSubjects } from './subject.ts'

const CASES = [
  'calm',
  'event-loop',
  'floods-connections',
  'floods-messages',
  'floods-upstream',
  'handshakes',
  'reload',
  'reload-trouble',
  'leaving',
  'hand-over',
  'machine-output',
  'machine-disk',
  'machine-exhaustion',
  'machine-threads',
  'machine-frozen',
  'machine-clock',
  'machine-files',
  'machine-clients',
  'privileges',
  'node-local',
  'node-local-watcher',
  'node-local-kernels',
] as const

async function suite(): Promise<number> {
  const { positionals } = parseArgs({ options: { long: { type: 'boolean' } }, allowPositionals: true })
  const startMs = performance.now()
  for (const part of CASES) await import(`./cases/${part}.ts`)
  const count = await runTests(positionals, false, abandonSubjects)
  await stopAll()
  return conclude(count, startMs)
}

process.exit(await inNamespaces(import.meta.filename, suite))
