/** k8s/node-local/ and its component, as kustomize renders them and as the real API server takes them: strict, no warning. */
import { deepEqual, equal } from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { KubernetesObject } from '../../e2e/api-client.ts'
import { WORK_DIR } from '../../e2e/netns.ts'
import { must } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { corefileOf, fileOf, kustomize, type Objects, programs, ROOT } from '../chart.ts'
import { cluster, kubectl, STRICT } from '../cluster.ts'

const FOLDER = join(ROOT, 'k8s/node-local')

interface Container {
  name: string
  image: string
  args?: string[]
  env: { name: string; value: string }[]
  ports?: object[]
}

interface DaemonSet extends KubernetesObject {
  spec: {
    updateStrategy: object
    template: { metadata: object; spec: { initContainers: Container[]; containers: Container[] } }
  }
}

const daemonSetOf = (objects: Objects) => objects.get('DaemonSet/node-local-dns') as never as DaemonSet

/** All containers of the pod, by name. */
function containersOf({ spec }: DaemonSet): Map<string, Container> {
  const { initContainers, containers } = spec.template.spec
  return new Map([...initContainers, ...containers].map(container => [container.name, container]))
}

let folder: string | undefined

/** A kustomization of somebody's own that takes the component in. kustomize wants relative paths. */
function overlay(): string {
  if (folder !== undefined) return folder
  folder = join(WORK_DIR, 'take-over')
  mkdirSync(folder)
  const at = relative(folder, FOLDER)
  writeFileSync(join(folder, 'kustomization.yaml'), `resources: [${at}]\ncomponents: [${at}/take-over]\n`)
  return folder
}

test('node-local: the component edits addresses, and nothing else', async () => {
  const [base, taking] = [await kustomize(FOLDER), await kustomize(overlay())]
  deepEqual([...taking.keys()].sort(), [...base.keys()].sort())
  const [before, after] = [containersOf(daemonSetOf(base)), containersOf(daemonSetOf(taking))]
  deepEqual([...after.keys()].sort(), ['node-local-dns', 'prepare', 'watcher'])
  deepEqual(after.get('node-local-dns'), before.get('node-local-dns'))
  for (const name of ['prepare', 'watcher']) {
    const { env, ...rest } = after.get(name)!
    const { env: earlier, ...same } = before.get(name)!
    deepEqual(rest, same)
    const values = Object.fromEntries(env.map(({ name, value }) => [name, value]))
    deepEqual(Object.keys(values).sort(), earlier.map(({ name }) => name).sort())
    equal(values.SEXTANT_NODE_ADDRESSES, '169.254.20.10,10.96.0.10')
    equal(values.SEXTANT_NODE_FALLBACK, '10.96.0.10')
  }
})

for (const { name, folderOf } of [
  { name: 'as it is', folderOf: () => FOLDER },
  { name: 'taking over', folderOf: overlay },
]) {
  test(`node-local: ${name}, sextant check has no finding`, async () => {
    const corefile = fileOf(corefileOf(await kustomize(folderOf()), 'node-local-dns'))
    const environment = { ...process.env, KUBE_DNS_UPSTREAM_SERVICE_HOST: '10.96.12.34' }
    const said = await must(join(ROOT, 'bin/sextant'), ['check', corefile], environment)
    equal(said.trim(), `${corefile}: ok`)
  })
}

const live = async () =>
  JSON.parse(await kubectl('get', 'daemonset', 'node-local-dns', '-n', 'kube-system', '-o', 'json')) as DaemonSet

test('node-local: the API server takes it, by kubectl apply -k; two pods of a node may be there at a time', async () => {
  const names = (await kubectl('apply', ...STRICT, '-k', FOLDER)).trim().split('\n').sort()
  deepEqual(names, [
    'configmap/node-local-dns',
    'daemonset.apps/node-local-dns',
    'service/kube-dns-upstream',
    'service/node-local-dns',
    'serviceaccount/node-local-dns',
  ])
  const made = await live()
  deepEqual(made.spec.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } })
  // What is a port of a container here, the API server makes a port of the node.
  for (const { name, ports } of containersOf(made).values()) equal(ports, undefined, name)
  const { metadata, spec } = made.spec.template
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'pod' }, spec }
  const { api } = await cluster()
  await api.call('POST', '/api/v1/namespaces/kube-system/pods?dryRun=All&fieldValidation=Strict', pod)
})

test('node-local: taken over, and given back: another apply -k each, which keeps the Service', async () => {
  const upstream = () =>
    kubectl('get', 'service', 'kube-dns-upstream', '-n', 'kube-system', '-o', 'jsonpath={.spec.clusterIP}')
  await kubectl('apply', ...STRICT, '-k', FOLDER)
  const [address, before] = [await upstream(), containersOf(await live())]
  await kubectl('apply', ...STRICT, '-k', overlay())
  const watcher = containersOf(await live()).get('watcher')!
  deepEqual(watcher.env.find(({ name }) => name === 'SEXTANT_NODE_ADDRESSES')?.value, '169.254.20.10,10.96.0.10')
  await kubectl('apply', ...STRICT, '-k', FOLDER)
  const after = containersOf(await live())
  for (const [name, container] of before) deepEqual(sorted(after.get(name)!), sorted(container), name)
  equal(await upstream(), address)
})

/** The order in which kustomize writes variables is no part of what they say. */
function sorted(container: Container): Container {
  return { ...container, env: container.env.toSorted((a, b) => a.name.localeCompare(b.name)) }
}

/** What NodeLocal DNSCache's DaemonSet has under the same name, as it is made by `kubectl create`. */
const NODE_CACHE = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-local-dns, namespace: kube-system, labels: {k8s-app: node-local-dns}}
spec:
  updateStrategy: {rollingUpdate: {maxUnavailable: 10%}}
  selector: {matchLabels: {k8s-app: node-local-dns}}
  template:
    metadata: {labels: {k8s-app: node-local-dns}}
    spec:
      hostNetwork: true
      serviceAccountName: node-local-dns
      containers:
        - name: node-cache
          image: registry.k8s.io/dns/k8s-dns-node-cache:1.26.4
          ports: [{containerPort: 53, name: dns, protocol: UDP}]
`

test('node-local: replaced, nothing of NodeLocal DNSCache is left in its DaemonSet, and another apply -k finds nothing to do', async () => {
  await kubectl('apply', ...STRICT, '-k', FOLDER) // the other objects
  await kubectl('delete', 'daemonset/node-local-dns', '-n', 'kube-system', '--cascade=background')
  await kubectl('create', '-f', fileOf(NODE_CACHE))
  const { uid } = (await live()).metadata
  await kubectl('replace', '--save-config', '-f', fileOf(await must(programs().kubectl, ['kustomize', FOLDER])))
  const replaced = await live()
  equal(replaced.metadata.uid, uid)
  deepEqual([...containersOf(replaced).keys()].sort(), ['node-local-dns', 'prepare', 'watcher'])
  deepEqual(replaced.spec.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } })
  const said = await kubectl('apply', '-k', FOLDER)
  deepEqual(said.match(/\S+$/gm), Array(5).fill('unchanged'))
})
