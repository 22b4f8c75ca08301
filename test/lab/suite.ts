/**
 * The tests of `lab test [PART-OF-A-NAME…]`, of `lab life` with --life, of `lab node-local` with --node-local, or all of them with
 * --all, in the namespaces of a lab that is up.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { conclude, runTests } from '../harness/suite.ts'
import { tryKubectl } from './control-plane.ts'
import { figuresTable } from './life/figures.ts'
import { watchMemory } from './life/memory.ts'
import { remove } from './node-local/role.ts'

const CASES = ['network', 'resolv-conf', 'names', 'kubelet', 'addon'] as const
/** In this order: a kubelet that has lost the API server hears of new pods up to 30 s later. */
const LIFE = ['planned', 'neighbour', 'control-plane', 'accidents', 'limits'] as const
const NODE_LOCAL = ['install', 'accidents', 'planned', 'take-over', 'limits'] as const

// Over WebSocket what a command says may come before kubectl listens: "Unknown stream id", and it is an error.
process.env.KUBECTL_REMOTE_COMMAND_WEBSOCKETS = 'false'

// In the lab's network namespace, and gone with this process.
const only = createServer().listen('\0sextant-lab-suite').unref()
try {
  await once(only, 'listening')
} catch {
  console.log('other tests run in this lab already')
  process.exit(1)
}

const [first = '', ...rest] = process.argv.slice(2)
const isSuite = first.startsWith('--')
if (!isSuite || first === '--all') for (const part of CASES) await import(`./cases/${part}.ts`)
if (first === '--life' || first === '--all') for (const part of LIFE) await import(`./life/${part}.ts`)
if (first === '--node-local' || first === '--all')
  for (const part of NODE_LOCAL) await import(`./node-local/${part}.ts`)
if (isSuite) watchMemory()

const startMs = performance.now()
const count = await runTests(isSuite ? rest : process.argv.slice(2), false, async () => {
  const pods = await tryKubectl('get', 'pods', '-A', '-o', 'wide')
  const servers = ['-l', 'k8s-app in (kube-dns, node-local-dns)', '--all-containers']
  const logs = await tryKubectl('-n', 'kube-system', 'logs', ...servers, '--tail=12', '--prefix')
  return `${pods.stdout}\n${logs.stdout}`
})
await remove()
const table = figuresTable()
if (table !== '') console.log(`\n${table}\n`)
process.exit(conclude(count, startMs))
