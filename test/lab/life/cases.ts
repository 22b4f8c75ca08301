/** What happens to an addon in its life, under load: changes that are planned fail no lookup, accidents few, and for how long. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { kubectl, tryKubectl } from '../control-plane.ts'
import { Daemon } from '../daemon.ts'
import { archivePath, COREDNS } from '../images.ts'
import { podsWith } from '../pods.ts'
import { losesNone, underLoad } from './load.ts'

const LABEL = 'k8s-app=kube-dns'
const TIMEOUT = { timeoutMs: 150_000 }
const inKubeSystem = (...args: string[]): Promise<string> => kubectl('-n', 'kube-system', ...args)

/** All replicas ready, and those that went are gone. */
async function settled(replicas: number): Promise<void> {
  await inKubeSystem('rollout', 'status', 'deployment/coredns', '--timeout=90s')
  await eventually(
    60_000,
    `${replicas} replicas`,
    async () =>
      equal((await inKubeSystem('get', 'pods', '-l', LABEL, '-o', 'name')).trim().split('\n').length, replicas),
    500,
  )
}

async function restart(): Promise<void> {
  await inKubeSystem('rollout', 'restart', 'deployment/coredns')
  await settled(2)
}

async function swap(image: string): Promise<void> {
  await inKubeSystem('set', 'image', 'deployment/coredns', `coredns=${image}`)
  await settled(2)
}

/** Ids of processes whose command line begins with or holds `text`, as the lab counts. */
function processes(text: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => commandLine(pid).join(' ').includes(text))
}

/** Empty: it is gone. */
function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  } catch {
    return []
  }
}

test('nothing happens: no lookup fails', note => losesNone(10, () => delay(5000), note), TIMEOUT)

test('rolling restart: no lookup fails', note => losesNone(60, restart, note), TIMEOUT)

test(
  'Sextant is replaced by CoreDNS under the same Service and ConfigMap, and back: no lookup fails',
  async note => {
    const image = '{.spec.template.spec.containers[0].image}'
    const sextant = await inKubeSystem('get', 'deployment', 'coredns', '-o', `jsonpath=${image}`)
    try {
      for (const to of [COREDNS, sextant]) {
        await losesNone(60, () => swap(to), note)
        equal(processes('/coredns -conf').length, to === COREDNS ? 2 : 0, 'processes of CoreDNS')
        equal(processes('/opt/sextant/sextant.cjs').length, to === COREDNS ? 0 : 2, 'processes of Sextant')
      }
    } finally {
      await swap(sextant)
    }
  },
  { timeoutMs: 240_000, skip: existsSync(archivePath(COREDNS)) ? '' : 'no coredns was on PATH when the lab came up' },
)

test(
  'scale 2 → 4 → 2: no lookup fails',
  note =>
    losesNone(
      60,
      async () => {
        for (const replicas of [4, 2]) {
          await inKubeSystem('scale', 'deployment/coredns', `--replicas=${replicas}`)
          await settled(replicas)
        }
      },
      note,
    ),
  TIMEOUT,
)

test(
  'a node is drained of its replica: no lookup fails',
  async note => {
    try {
      const drain = ['drain', 'node-2', `--pod-selector=${LABEL}`, '--delete-emptydir-data', '--timeout=60s']
      await losesNone(
        50,
        async () => {
          await kubectl(...drain)
          await settled(2)
        },
        note,
      )
      deepEqual(
        (await podsWith(LABEL, 'kube-system')).map(({ node }) => node),
        ['node-1', 'node-1'],
      )
    } finally {
      await kubectl('uncordon', 'node-2')
      // Back to one on each node: a new one keeps away from the old.
      for (const replicas of [1, 2]) {
        await inKubeSystem('scale', 'deployment/coredns', `--replicas=${replicas}`)
        await settled(replicas)
      }
    }
  },
  { timeoutMs: 240_000 },
)

test(
  'the API server is away for 10 s and comes back: no lookup fails',
  note =>
    losesNone(
      40,
      async () => {
        const [pid] = processes('kube-apiserver --bind-address')
        const [command, ...args] = commandLine(pid!)
        process.kill(pid!, 'SIGKILL')
        await delay(10_000)
        new Daemon('kube-apiserver', command!, args)
        await eventually(
          30_000,
          'the API server',
          async () => equal((await tryKubectl('get', '--raw', '/readyz')).code, 0),
          300,
        )
      },
      note,
    ),
  TIMEOUT,
)

test(
  'a neighbour on the node is killed for want of memory: no lookup fails',
  async note => {
    const container = {
      name: 'glutton',
      image: 'lab-musl:1',
      imagePullPolicy: 'Never',
      command: ['/bin/busybox', 'tail', '/dev/zero'],
      resources: { limits: { memory: '64Mi' } },
    }
    const spec = { nodeName: 'node-1', restartPolicy: 'Never', containers: [container] }
    const glutton = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'glutton' }, spec }
    const reason = 'jsonpath={.status.containerStatuses[0].state.terminated.reason}'
    try {
      await losesNone(
        30,
        async () => {
          await kubectl('run', 'glutton', '--image=lab-musl:1', `--overrides=${JSON.stringify(glutton)}`)
          await eventually(
            20_000,
            'the end of the glutton',
            async () => equal(await kubectl('get', 'pod', 'glutton', '-o', reason), 'OOMKilled'),
            300,
          )
        },
        note,
      )
    } finally {
      await kubectl('delete', 'pod', 'glutton', '--wait=false')
    }
  },
  TIMEOUT,
)

test('no replica was restarted for its memory or its probes so far', async () => {
  const counts = '{.items[*].status.containerStatuses[*].restartCount}'
  equal(await inKubeSystem('get', 'pods', '-l', LABEL, '-o', `jsonpath=${counts}`), '0 0')
})

test(
  'kill -9 of a replica: it is back, and one in a hundred lookups fails at most',
  async note => {
    const { asked, failed } = await underLoad(
      60,
      async () => {
        process.kill(processes('/opt/sextant/sextant.cjs').at(-1)!, 'SIGKILL')
        // Until kubelet has seen it, all replicas are said to be ready.
        await delay(5000)
        await inKubeSystem('rollout', 'status', 'deployment/coredns', '--timeout=50s')
      },
      note,
    )
    ok(failed < asked / 100, `${failed} of ${asked} lookups failed`)
  },
  TIMEOUT,
)
