/** What is done to the addon in its life, as an administrator does it, each until all is as it was wanted. */
import { deepEqual, equal } from 'node:assert/strict'
import { delay, eventually } from '../../harness/time.ts'
import { kubectl, tryKubectl } from '../control-plane.ts'
import { processesWith } from '../daemon.ts'
import { digShort, podsWith } from '../pods.ts'
import { inKubeSystem, LABEL } from '../replicas.ts'

/** Of the command lines of their processes, and of no others. */
export const SERVERS = { Sextant: '/opt/sextant/dist/sextant.cjs', CoreDNS: '/coredns -conf' } as const

/** All replicas ready, and those that went are gone. */
export async function settled(replicas: number): Promise<void> {
  await inKubeSystem('rollout', 'status', 'deployment/coredns', '--timeout=90s')
  await eventually(
    60_000,
    `${replicas} replicas`,
    async () =>
      equal((await inKubeSystem('get', 'pods', '-l', LABEL, '-o', 'name')).trim().split('\n').length, replicas),
    500,
  )
}

export async function restart(): Promise<void> {
  await inKubeSystem('rollout', 'restart', 'deployment/coredns')
  await settled(2)
}

export async function swap(image: string): Promise<void> {
  await inKubeSystem('set', 'image', 'deployment/coredns', `coredns=${image}`)
  await settled(2)
}

export async function scale(...steps: readonly number[]): Promise<void> {
  for (const replicas of steps) {
    await inKubeSystem('scale', 'deployment/coredns', `--replicas=${replicas}`)
    await settled(replicas)
  }
}

export async function apiServerReady(): Promise<void> {
  const ready = async (): Promise<void> => equal((await tryKubectl('get', '--raw', '/readyz')).code, 0)
  await eventually(60_000, 'the API server', ready, 300)
}

/** Creates a service and waits until each replica answers its name: that it is told of changes again. Takes it away. */
export async function hearsOfChanges(): Promise<void> {
  const name = `new-${Date.now()}`
  await kubectl('create', 'service', 'clusterip', name, '--tcp=80')
  try {
    const address = await kubectl('get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}')
    for (const { ip } of await podsWith(LABEL, 'kube-system')) {
      const question = [`@${ip}`, '+tries=1', `${name}.default.svc.cluster.local`]
      await eventually(20_000, `the new service from ${ip}`, async () =>
        deepEqual(await digShort('glibc', ...question), [address]),
      )
    }
  } finally {
    await kubectl('delete', 'service', name, '--wait=false')
  }
}

/** Ids of the processes of a server, as the lab counts. */
export function processes(server: keyof typeof SERVERS): number[] {
  return processesWith(SERVERS[server])
}

/** Ends the server of a replica by SIGKILL, and waits until the replica is back. */
export async function killReplica(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  // Until kubelet has seen it, all replicas are said to be ready.
  await delay(5000)
  await inKubeSystem('rollout', 'status', 'deployment/coredns', '--timeout=50s')
}
