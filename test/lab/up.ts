/** Everything that `lab up` does inside the lab's namespaces, in order. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../harness/process.ts'
import { say, type } from './administrator.ts'
import { kubectl, startControlPlane } from './control-plane.ts'
import { makeImages } from './images.ts'
import { assetsFolder } from './machine.ts'
import { createNetwork, routePods, startOutside } from './network.ts'
import { Node } from './node.ts'
import { NODES, ROOT, STATE } from './place.ts'

export async function bringUp(): Promise<void> {
  mkdirSync(STATE, { recursive: true })
  const assets = await assetsFolder()
  const busybox = (await must('sh', ['-c', 'command -v busybox'])).trim()
  say('network: a switch, a router, outside, and two nodes')
  await createNetwork()
  await startOutside(busybox)
  say('control plane; images')
  await Promise.all([startControlPlane(assets), makeImages(busybox)])
  say('nodes: containerd, images, kubelet, kube-proxy')
  const nodes = NODES.map(({ name, ip }) => new Node(name, ip))
  const podCIDRs = await Promise.all(
    nodes.map(async node => {
      await node.startRuntime(assets)
      return [node.name, await node.startKubelet()] as const
    }),
  )
  await routePods(new Map(podCIDRs))
  await kubectl('wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=60s')
  say('the addon: k8s/, two replicas')
  await deployAddon()
  say('the pods of the tests')
  await kubectl('apply', '-f', join(import.meta.dirname, 'fixtures'))
  await kubectl('rollout', 'status', 'statefulset/web', '--timeout=120s')
  await kubectl('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=120s')
}

/** k8s/ as it is, with the image that was made here. */
async function deployAddon(): Promise<void> {
  const manifests = await kubectl('kustomize', join(ROOT, 'k8s'))
  const file = join(STATE, 'addon.yaml')
  writeFileSync(file, manifests)
  await type(`kubectl --kubeconfig=${join(STATE, 'admin.kubeconfig')} apply -f ${file}`)
  await kubectl('-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=120s')
}
