/** The tests of `lab test [PART-OF-A-NAME…]`, or of `lab life` with --life, in the namespaces of a lab that is up. */
import { runTests } from '../harness/suite.ts'
import { tryKubectl } from './control-plane.ts'

const [first, ...rest] = process.argv.slice(2)
const isLife = first === '--life'
if (isLife) await import('./life/cases.ts')
else for (const part of ['network', 'resolv-conf', 'names', 'addon']) await import(`./cases/${part}.ts`)

const count = await runTests(isLife ? rest : process.argv.slice(2), false, async () => {
  const pods = await tryKubectl('get', 'pods', '-A', '-o', 'wide')
  const logs = await tryKubectl('-n', 'kube-system', 'logs', '-l', 'k8s-app=kube-dns', '--tail=12', '--prefix')
  return `${pods.stdout}\n${logs.stdout}`
})
console.log(`${count.passed} passed, ${count.failed} failed`)
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0)
