/**
 * Entry of `npm run chart [-- PART-OF-A-NAME…]`: the Helm chart and the kustomization of k8s/, rendered and compared, and
 * applied to a real API server. In namespaces of its own.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createBridge } from '../e2e/netns.ts'
import { inNamespaces } from '../harness/namespaces.ts'
import { must, run, stopAll } from '../harness/process.ts'
import { conclude, runTests } from '../harness/suite.ts'
import { type Programs, ROOT, setPrograms } from './chart.ts'

const CASES = [
  'values',
  'pods',
  'service',
  'scaling',
  'corefile',
  'mistakes',
  'kubeadm',
  'apply',
  'kubeadm-upgrade',
  'monitoring-rules',
  'monitoring-calm',
  'monitoring-trouble',
  'node-local',
] as const

async function examine(): Promise<Programs> {
  const made = (await must('bash', [join(import.meta.dirname, 'assets.sh'), '--print'])).split('\n')
  const [helm, definitions, prometheus, promtool] = made as [string, string, string, string]
  const assets = (await must('bash', [join(ROOT, 'test/e2e/assets.sh'), '--print'])).trim()
  const own = join(assets, 'kubectl')
  const kubectl = existsSync(own) ? own : (await run('which', ['kubectl'])).stdout.trim()
  const programs = {
    helm,
    kubeadm: join(assets, 'kubeadm'),
    definitions,
    kubectl,
    apiserver: join(assets, 'kube-apiserver'),
    etcd: join(assets, 'etcd'),
  }
  for (const [name, path] of Object.entries(programs)) {
    if (!existsSync(path)) {
      throw new Error(`${name} is not there ("${path}"): run "npm run chart:assets" first`)
    }
  }
  // Debian has them, and who has not is told so.
  return { ...programs, ...(existsSync(prometheus) && existsSync(promtool) ? { prometheus, promtool } : {}) }
}

async function suite(): Promise<number> {
  setPrograms(await examine())
  await must('mount', ['-t', 'tmpfs', 'none', '/run'])
  mkdirSync('/run/lock')
  await createBridge()
  const startMs = performance.now()
  for (const part of CASES) await import(`./cases/${part}.ts`)
  const { tail } = await import('./cluster.ts')
  const count = await runTests(process.argv.slice(2), false, async () => tail())
  await stopAll()
  return conclude(count, startMs)
}

try {
  process.exit(await inNamespaces(import.meta.filename, suite))
} catch (error) {
  await stopAll()
  console.error(error instanceof Error ? error.message : error)
  console.log('0 passed, 1 failed')
  process.exit(1)
}
