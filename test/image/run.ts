/**
 * Entry of `npm run image:test [-- PART-OF-A-NAME…]`: the images of both architectures, as `npm run image` makes them. What is
 * not this machine's is run by an emulator.
 */
import { parseArgs } from 'node:util'
import { inNamespaces } from '../harness/namespaces.ts'
import { stopAll } from '../harness/process.ts'
import { conclude, runTests } from '../harness/suite.ts'
import { makeArchives } from './archives.ts'

async function suite(): Promise<number> {
  const { positionals } = parseArgs({ allowPositionals: true })
  const startMs = performance.now()
  await import('./cases.ts')
  const count = await runTests(positionals, false, async () => '')
  await stopAll()
  return conclude(count, startMs)
}

// Packages are fetched, and in there is no network.
if (!process.env.SEXTANT_INSIDE) await makeArchives()
process.exit(await inNamespaces(import.meta.filename, suite))
