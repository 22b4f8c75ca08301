/** What befalls a cluster and its DNS, under load: what others suffer fails no lookup, the sudden end of a replica few. */
import { equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { startAgain, stopDaemon } from '../daemon.ts'
import { inKubeSystem, restarts } from '../replicas.ts'
import { apiServerReady, hearsOfChanges, processes } from './addon.ts'
import { losesNone, underLoad } from './load.ts'
import { memoryOfAll } from './memory.ts'

const TIMEOUT = { timeoutMs: 150_000 }

test(
  'the API server is killed, away for 10 s, and comes back: no lookup fails, and changes are heard of again',
  note =>
    losesNone(
      'API server away for 10 s',
      async () => {
        await stopDaemon('kube-apiserver', 'SIGKILL')
        await delay(10_000)
        startAgain('kube-apiserver')
        await apiServerReady()
        await hearsOfChanges()
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
      // The shell lives on for a while, so that its control group can be looked at.
      command: ['/bin/busybox', 'sh', '-c', 'busybox tail /dev/zero; busybox sleep 3; exit 1', 'glutton'],
      resources: { limits: { memory: '64Mi' } },
    }
    const spec = { nodeName: 'node-1', restartPolicy: 'Never', containers: [container] }
    const glutton = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'glutton' }, spec }
    const reason = 'jsonpath={.status.containerStatuses[0].state.terminated.reason}'
    try {
      await losesNone(
        'a neighbour out of memory',
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
    // So the same would be seen of the addon.
    const [memory] = memoryOfAll('glutton')
    equal(memory?.oomKills, 1)
    ok(memory.timesAtLimit > 0)
    equal(memory.peak, memory.limit)
  },
  TIMEOUT,
)

test('no replica was restarted for its memory or its probes so far', async () => equal(await restarts(), '0 0'))

test(
  'kill -9 of a replica: it is back, and one in a hundred lookups fails at most',
  async note => {
    const { asked, failed } = await underLoad(
      'kill -9 of a replica',
      async () => {
        process.kill(processes('Sextant').at(-1)!, 'SIGKILL')
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
