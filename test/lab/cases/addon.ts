/** Sextant as the addon: the manifests of k8s/, under kubelet. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { DNS_IP } from '../place.ts'
import { digShort, podsWith } from '../pods.ts'
import { corefileOf, inKubeSystem, inServer, isConfined, LABEL, restarts, writeCorefile } from '../replicas.ts'

/** The Corefile as the server in this pod sees it. */
function mounted(pod: string): Promise<string> {
  return inServer(pod, "console.log(require('fs').readFileSync('/etc/coredns/Corefile', 'utf8'))")
}

test('two replicas on two nodes, both ready, both answer', async () => {
  const replicas = await podsWith(LABEL, 'kube-system')
  deepEqual(replicas.map(({ node }) => node).sort(), ['node-1', 'node-2'])
  equal(await inKubeSystem('get', 'deployment', 'coredns', '-o', 'jsonpath={.status.readyReplicas}'), '2')
  for (const { name, ip } of replicas) {
    match(name, /^coredns-/)
    deepEqual(await digShort('glibc', `@${ip}`, 'service.default.svc.cluster.local'), ['10.96.100.1'])
  }
})

test('Service kube-dns has the address that kubelet writes into resolv.conf', async () => {
  equal(await inKubeSystem('get', 'service', 'kube-dns', '-o', 'jsonpath={.spec.clusterIP}'), DNS_IP)
})

test('the server runs as nobody, with one capability, without a way to more, on a read-only root', async () => {
  for (const { name } of await podsWith(LABEL, 'kube-system')) await isConfined(name)
})

test(
  'an edit of the ConfigMap is taken over, through the swap of a link by kubelet and plugin reload',
  async note => {
    const before = await corefileOf('coredns')
    // Another one each time: the file of an earlier run may still be there.
    const address = `192.0.2.${randomInt(1, 255)}`
    const hosts = `hosts {\n        ${address} edited.example\n        fallthrough\n    }\n    forward .`
    const replicas = await podsWith(LABEL, 'kube-system')
    const restartsBefore = await restarts()
    const start = performance.now()
    await writeCorefile('coredns', before.replace('forward .', hosts))
    try {
      for (const { name, ip } of replicas) {
        await eventually(
          100_000,
          `the new file in ${name}, kubelet's part`,
          async () => match(await mounted(name), new RegExp(`${address} edited\\.example`)),
          500,
        )
        note(`file after ${((performance.now() - start) / 1000).toFixed(0)} s`)
        // At most 30 s and half as much of jitter to the next look, and 30 s that the denial before is kept.
        await eventually(
          80_000,
          `answers of the new Corefile from ${name}`,
          async () => deepEqual(await digShort('glibc', `@${ip}`, 'edited.example'), [address]),
          500,
        )
        note(`answer after ${((performance.now() - start) / 1000).toFixed(0)} s`)
      }
    } finally {
      await writeCorefile('coredns', before)
    }
    equal(await restarts(), restartsBefore)
  },
  { timeoutMs: 240_000 },
)
