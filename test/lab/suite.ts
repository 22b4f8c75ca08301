/** The tests of `lab test [PART-OF-A-NAME…]`, in the namespaces of a lab that is up. */
import { runTests } from '../harness/suite.ts'
import { tryKubectl } from './control-plane.ts'

for (const part of ['network', 'resolv-conf', 'names', 'addon']) await import(`./cases/${part}.ts`)

const count = await runTests(process.argv.slice(2), false, async () => {
  const { stdout } = await tryKubectl('get', 'pods', '-A', '-o', 'wide')
  return stdout
})
console.log(`${count.passed} passed, ${count.failed} failed`)
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0)
