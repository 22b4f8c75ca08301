/** Entry of `npm run e2e [-- PART-OF-A-NAME…]`, in namespaces of its own. */
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findCommand, missingCommands } from '../harness/commands.ts'
import { inNamespaces } from '../harness/namespaces.ts'
import { must, run, stopAll } from '../harness/process.ts'
import { conclude, runTests } from '../harness/suite.ts'
import { createBridge } from './netns.ts'
import { abandonServers } from './server.ts'
import { createWorld, type Machine, ROOT } from './world.ts'

const COMMANDS = ['unshare', 'nsenter', 'setpriv', 'ip', 'dig', 'nslookup', 'openssl', 'mount']

class Missing extends Error {}

async function examine(): Promise<Machine> {
  const missing = missingCommands(...COMMANDS)
  if (missing !== undefined) throw new Missing(missing)
  const assets = (await must('bash', [join(import.meta.dirname, 'assets.sh'), '--print'])).trim()
  const apiserver = join(assets, 'kube-apiserver')
  const etcd = join(assets, 'etcd')
  for (const path of [apiserver, etcd]) {
    if (!existsSync(path)) throw new Missing(`"${path}" is not there: run "npm run e2e:assets" first`)
  }
  const ownKubectl = join(assets, 'kubectl')
  const kubectl = existsSync(ownKubectl) ? ownKubectl : findCommand('kubectl')
  if (!kubectl) throw new Missing('kubectl not found: run "npm run e2e:assets" first')
  const binary = resolve(process.env.SEXTANT_BIN ?? join(ROOT, 'bin/sextant'))
  if (!existsSync(binary)) throw new Missing(`"${binary}" is not there: run "npm ci" first, or set SEXTANT_BIN`)
  const version = (await must(binary, ['-version'])).split('\n')[0]!
  // SEXTANT_E2E_STRICT: CoreDNS is held to every test, to see that those it is let off do fail.
  const isCoreDNS = version.startsWith('CoreDNS') && !process.env.SEXTANT_E2E_STRICT
  return { binary, version, isCoreDNS, apiserver, etcd, oldEtcd: await findOldEtcd(assets), kubectl }
}

/** An etcd older than 3.4.25, behind which the API server refuses streaming lists. */
async function findOldEtcd(assets: string): Promise<string | undefined> {
  for (const path of [process.env.SEXTANT_OLD_ETCD, findCommand('etcd'), join(assets, 'etcd-old')]) {
    if (!path || !existsSync(path)) continue
    const patch = /etcd Version: 3\.4\.(\d+)/.exec((await run(path, ['--version'])).stdout)
    if (patch && Number(patch[1]) < 25) return path
  }
  return undefined
}

async function suite(): Promise<number> {
  const machine = await examine()
  // What dig and nslookup print is compared.
  process.env.LC_ALL = 'C'
  await must('mount', ['-t', 'tmpfs', 'none', '/run'])
  mkdirSync('/run/lock')
  await createBridge()
  console.log(`server under test: ${machine.version} (${machine.binary})`)
  console.log(`control plane: ${(await must(machine.apiserver, ['--version'])).trim()}, ${machine.etcd}`)
  const start = performance.now()
  const made = await createWorld(machine)
  console.log(`set up in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  for (const part of [
    'manifests',
    'names',
    'forward',
    'clusterset',
    'changes',
    'operations',
    'reload',
    'permissions',
    'access',
    'outage',
    'trouble',
    'programming-latency',
    'snapshot',
    'readers',
    'conformance',
    'conformance-configmap',
    'conformance-scale',
  ]) {
    await import(`./cases/${part}.ts`)
  }
  const count = await runTests(
    process.argv.slice(2),
    machine.isCoreDNS,
    async () => `${await abandonServers()}\n${made.cluster.tail()}`,
  )
  await stopAll()
  return conclude(count, start)
}

try {
  process.exit(await inNamespaces(import.meta.filename, suite))
} catch (error) {
  await stopAll()
  console.error(error instanceof Missing ? `e2e: ${error.message}` : error)
  console.log('0 passed, 1 failed')
  process.exit(1)
}
