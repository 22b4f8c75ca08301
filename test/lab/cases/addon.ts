/** Sextant as the addon: the manifests of k8s/, under kubelet. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { DNS_IP } from '../place.ts'
import { digShort, podsWith } from '../pods.ts'

const LABEL = 'k8s-app=kube-dns'
const inKubeSystem = (...args: string[]): Promise<string> => kubectl('-n', 'kube-system', ...args)

/** The Corefile as the server in this pod sees it. */
function mounted(pod: string): Promise<string> {
  const script = "console.log(require('fs').readFileSync('/etc/coredns/Corefile', 'utf8'))"
  return inKubeSystem('exec', pod, '--', '/usr/bin/node', '-e', script)
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
  for (const { name } of await podsWith(LABEL, 'kube-system')) {
    const script = `const fs = require('fs'); console.log(fs.readFileSync('/proc/1/status', 'utf8'))
      try { fs.writeFileSync('/tmp-file', ''); console.log('wrote') } catch (error) { console.log(error.code) }`
    const status = await inKubeSystem('exec', name, '--', '/usr/bin/node', '-e', script)
    match(status, /^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
    match(status, /^CapEff:\s+0000000000000400$/m)
    match(status, /^CapBnd:\s+0000000000000400$/m)
    match(status, /^NoNewPrivs:\s+1$/m)
    match(status, /^Seccomp:\s+2$/m)
    match(status, /^EROFS$/m)
  }
})

test(
  'an edit of the ConfigMap is taken over, through the swap of a link by kubelet and plugin reload',
  async note => {
    const before = await inKubeSystem('get', 'configmap', 'coredns', '-o', 'jsonpath={.data.Corefile}')
    const hosts = 'hosts {\n        192.0.2.7 edited.example\n        fallthrough\n    }\n    forward .'
    const write = (Corefile: string): Promise<string> =>
      inKubeSystem('patch', 'configmap', 'coredns', '--type=merge', '-p', JSON.stringify({ data: { Corefile } }))
    const replicas = await podsWith(LABEL, 'kube-system')
    const start = performance.now()
    await write(before.replace('forward .', hosts))
    try {
      for (const { name, ip } of replicas) {
        await eventually(
          100_000,
          `the new file in ${name}, kubelet's part`,
          async () => match(await mounted(name), /edited\.example/),
          500,
        )
        note(`file after ${((performance.now() - start) / 1000).toFixed(0)} s`)
        // At most 30 s and half as much of jitter to the next look, and 30 s that the denial before is kept.
        await eventually(
          80_000,
          `answers of the new Corefile from ${name}`,
          async () => deepEqual(await digShort('glibc', `@${ip}`, 'edited.example'), ['192.0.2.7']),
          500,
        )
        note(`answer after ${((performance.now() - start) / 1000).toFixed(0)} s`)
      }
    } finally {
      await write(before)
    }
    const restarts = await inKubeSystem(
      'get',
      'pods',
      '-l',
      LABEL,
      '-o',
      'jsonpath={.items[*].status.containerStatuses[*].restartCount}',
    )
    equal(restarts, '0 0')
  },
  { timeoutMs: 240_000 },
)
