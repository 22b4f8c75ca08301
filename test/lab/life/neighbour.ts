/** A pod of the node that takes more memory than it may, under load: it is the only one that suffers. */
import { equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { losesNone } from './load.ts'
import { memoryOfAll } from './memory.ts'

test(
  'a neighbour on the node is killed for want of memory: no lookup fails',
  async note => {
    const container = {
      name: 'glutton',
      image: 'lab-musl:1',
      imagePullPolicy: 'Never',
      // Lives on for a while, so that its control group can be looked at.
      command: ['/bin/busybox', 'sh', '-c', 'busybox tail /dev/zero; busybox sleep 3; exit 1', 'glutton'],
      resources: { limits: { memory: '64Mi' } },
    }
    const spec = { nodeName: 'node-1', restartPolicy: 'Never', containers: [container] }
    const glutton = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'glutton' }, spec }
    try {
      await losesNone(
        'a neighbour out of memory',
        async () => {
          await kubectl('run', 'glutton', '--image=lab-musl:1', `--overrides=${JSON.stringify(glutton)}`)
          await eventually(
            60_000,
            'the end of the glutton',
            async () => equal(await kubectl('get', 'pod', 'glutton', '-o', 'jsonpath={.status.phase}'), 'Failed'),
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
    ok(memory.peak > 0.99 * memory.limit)
  },
  { timeoutMs: 150_000 },
)
