/** The sudden end of a replica, under load: few lookups fail. */
import { equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { inKubeSystem, restarts } from '../replicas.ts'
import { processes } from './addon.ts'
import { underLoad } from './load.ts'

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
  { timeoutMs: 150_000 },
)
