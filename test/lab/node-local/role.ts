/** The node-local role on the lab's nodes: put there as an administrator does it, taken away, and what is to be seen of it. */
import { deepEqual, equal } from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Metrics } from '../../harness/scrape.ts'
import { eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { networkOf, pidOf, processesWith } from '../daemon.ts'
import { crowdOf } from '../life/load.ts'
import { Node, onceTheyStay } from '../node.ts'
import { DNS_IP, NODE_LOCAL_IP, NODES, ROOT, STATE } from '../place.ts'
import { CLIENTS, inPod, lines, podsWith } from '../pods.ts'
import { inKubeSystem } from '../replicas.ts'

export const NODE_LOCAL_LABEL = 'k8s-app=node-local-dns'
/** Pods that kubelet made with the node's address for its clusterDNS. */
export const CROWD = 'node-local-crowd'
/** Of a name that is in the caches, and of one for each lookup that is in none. */
export const LOAD = { crowd: CROWD } as const
export const LOAD_OF_NEW_NAMES = { crowd: CROWD, name: '10-#-#-#.default.pod.cluster.local.' } as const
export const DAEMON_SET = 'daemonset/node-local-dns'
export const nodes = NODES.map(({ name, ip }) => new Node(name, ip))

const MANIFESTS = join(ROOT, 'k8s/node-local')
const PARTS = { server: '/opt/sextant/dist/sextant.cjs', watcher: '/opt/sextant/dist/node-local.cjs watch' } as const
const METRICS_PORT = 9253

/** Rules of each node before the role came; undefined while it is not there. */
let rulesBefore: string[][] | undefined
/** With the component that takes the Service's address over. */
let hasTakenOver = false

/** Both nodes serve, and pods of CROWD are there. What is there already stays. */
export async function present(): Promise<void> {
  if (rulesBefore !== undefined) return
  rulesBefore = await onceTheyStay(rulesOfAll)
  await apply()
  await settled()
  for (const node of nodes) await node.restartKubelet({ clusterDNS: [NODE_LOCAL_IP] })
  let pods: string[] = []
  try {
    pods = await crowdOf(CROWD)
  } finally {
    for (const node of nodes) await node.restartKubelet()
  }
  // A kubelet that has just been started knows no pod to run a command in.
  for (const pod of pods)
    await eventually(20_000, `a command in ${pod}`, async () => void (await inPod(pod, 'busybox', 'true')), 300)
}

/** Applies the manifests as they are. */
export async function apply(): Promise<void> {
  await kubectl('apply', '-k', MANIFESTS)
  hasTakenOver = false
}

/** Applies them with the component that takes the Service's address over, if that is not there. */
export async function takeOver(): Promise<void> {
  if (hasTakenOver) return
  const folder = join(STATE, 'take-over')
  mkdirSync(folder, { recursive: true })
  const from = relative(folder, MANIFESTS)
  const kustomization = { resources: [from], components: [join(from, 'take-over')] }
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization))
  await kubectl('apply', '-k', folder)
  hasTakenOver = true
  await settled()
}

/** The rollout is done, those that went are gone, and each node serves what it is to serve. */
export async function settled(): Promise<void> {
  await inKubeSystem('rollout', 'status', DAEMON_SET, '--timeout=90s')
  await eventually(
    40_000,
    'one pod on each node',
    async () => equal(lines(await inKubeSystem('get', 'pods', '-l', NODE_LOCAL_LABEL, '-o', 'name')).length, 2),
    300,
  )
  for (const node of nodes) await serves(node)
}

/** New pods in the place of all, as an upgrade makes them. */
export async function restart(): Promise<void> {
  await inKubeSystem('rollout', 'restart', DAEMON_SET)
  await settled()
}

/** Takes all of it away, as docs/node-local.md says, and waits until the rules of the nodes are as before. */
export async function remove(): Promise<void> {
  const before = rulesBefore
  if (before === undefined) return
  rulesBefore = undefined
  const crowd = CLIENTS.map(({ libc }) => `${CROWD}-${libc}`)
  await kubectl('delete', 'deployment', ...crowd, '--ignore-not-found')
  await inKubeSystem('delete', DAEMON_SET, '--ignore-not-found', '--cascade=foreground')
  for (const node of nodes) {
    await node.must('nft', ['delete', 'table', 'inet', 'sextant-fallback'])
    for (const ip of await givenTo(node)) await node.must('ip', ['address', 'delete', `${ip}/32`, 'dev', 'lo'])
  }
  await kubectl('delete', '-k', MANIFESTS, '--ignore-not-found')
  await eventually(40_000, 'the rules of before', async () => deepEqual(await rulesOfAll(), before), 500)
}

/** Of each node, sorted, without what is another one's after a restart of the pods behind a Service. */
function rulesOfAll(): Promise<string[][]> {
  const withoutPods = (line: string): string =>
    line.replace(/KUBE-SEP-\w+/g, 'KUBE-SEP').replace(/\b10\.244\.\d+\.\d+\b/g, 'POD')
  return Promise.all(nodes.map(async node => (await node.rules()).map(withoutPods).sort()))
}

/** Addresses of the role that the node has on `lo`. */
export async function givenTo(node: Node): Promise<string[]> {
  const device = await node.must('ip', ['-brief', 'address', 'show', 'dev', 'lo'])
  return [DNS_IP, NODE_LOCAL_IP].filter(ip => device.includes(` ${ip}/32 `))
}

/** Addresses that the kernel of the node leads to its server at this moment. */
export async function served(node: Node): Promise<string[]> {
  const sets = (await node.must('nft', ['list', 'ruleset'])).matchAll(/set served[46] \{[^}]*elements = \{([^}]*)\}/g)
  return [...sets].flatMap(([, elements]) => elements!.split(',').map(text => text.trim().split(' ')[0]!)).sort()
}

/** Waits until the node serves what it is to serve, and resolves to the ms that it took. */
export async function serves(node: Node): Promise<number> {
  const wanted = hasTakenOver ? [DNS_IP, NODE_LOCAL_IP] : [NODE_LOCAL_IP]
  const isSo = async (): Promise<void> => deepEqual([...new Set(await served(node))], wanted)
  return eventually(60_000, `${node.name} serves ${wanted.join(', ')}`, isSo, 100)
}

/** Waits until nothing is led to a server of the node, and resolves to the ms that it took. */
export function servesNothing(node: Node): Promise<number> {
  const isSo = async (): Promise<void> => deepEqual(await served(node), [])
  return eventually(10_000, `${node.name} serves nothing`, isSo, 20)
}

/** Ids of the processes of the role on a node, as the lab counts. */
export function processesOn(node: Node, part: keyof typeof PARTS): number[] {
  const network = networkOf(pidOf(node.name))
  return processesWith(PARTS[part]).filter(pid => networkOf(pid) === network)
}

async function metricsOf(node: Node): Promise<Metrics> {
  return new Metrics(await (await fetch(`http://${node.ip}:${METRICS_PORT}/metrics`)).text())
}

/** What the server of each node has counted of this. */
export function countsOf(metric: string): Promise<number[]> {
  return Promise.all(nodes.map(async node => (await metricsOf(node)).sum(metric) ?? 0))
}

/** A pod of CROWD on this node, whose programs ask this C library. */
export async function askerOn(node: Node, libc = 'glibc', crowd = CROWD): Promise<{ name: string; ip: string }> {
  const pods = await podsWith(`app=${crowd},libc=${libc}`)
  const found = pods.find(pod => pod.node === node.name)
  if (found === undefined) throw new Error(`no ${libc} pod of ${crowd} is on ${node.name}`)
  return found
}

/** Has the node's connection tracking forget what it knows of this pod. */
export async function forget(node: Node, podIP: string): Promise<void> {
  await node.must('sh', ['-c', `conntrack --delete --src ${podIP} || true`])
}

/** Flows to port 53 that the node's connection tracking has of this pod. */
export async function trackedOf(node: Node, podIP: string): Promise<string[]> {
  const list = lines(await node.must('conntrack', ['--dump', '--src', podIP]))
  return list.filter(line => / dport=53 /.test(line))
}
