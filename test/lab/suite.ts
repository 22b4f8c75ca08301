/**
 * The tests of `lab test [PART-OF-A-NAME…]`, of `lab life` with --life, or of `lab all` with --all, in the namespaces of a lab that
 * is up.
 */
import { conclude, runTests } from '../harness/suite.ts'
import { tryKubectl } from './control-plane.ts'
import { figuresTable } from './life/figures.ts'
import { watchMemory } from './life/memory.ts'

const CASES = ['network', 'resolv-conf', 'names', 'kubelet', 'addon'] as const
/** In this order: a kubelet that has lost the API server hears of new pods up to 30 s later. */
const LIFE = ['planned', 'neighbour', 'control-plane', 'accidents', 'limits'] as const

const [first, ...rest] = process.argv.slice(2)
if (first !== '--life') for (const part of CASES) await import(`./cases/${part}.ts`)
if (first === '--life' || first === '--all') {
  for (const part of LIFE) await import(`./life/${part}.ts`)
  watchMemory()
}

const startMs = performance.now()
const count = await runTests(first?.startsWith('--') ? rest : process.argv.slice(2), false, async () => {
  const pods = await tryKubectl('get', 'pods', '-A', '-o', 'wide')
  const logs = await tryKubectl('-n', 'kube-system', 'logs', '-l', 'k8s-app=kube-dns', '--tail=12', '--prefix')
  return `${pods.stdout}\n${logs.stdout}`
})
const table = figuresTable()
if (table !== '') console.log(`\n${table}\n`)
process.exit(conclude(count, startMs))
