/** What administrators do to the addon and its nodes, under load: no lookup fails. */
import { deepEqual, equal } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { archivePath, COREDNS } from '../images.ts'
import { NODES } from '../place.ts'
import { podsWith } from '../pods.ts'
import { inKubeSystem, LABEL } from '../replicas.ts'
import { processes, restart, scale, settled, swap } from './addon.ts'
import { losesNone } from './load.ts'

const TIMEOUT = { timeoutMs: 150_000 }

async function nodesOfReplicas(): Promise<string[]> {
  return (await podsWith(LABEL, 'kube-system')).map(({ node }) => node).sort()
}

test('nothing happens: no lookup fails', note => losesNone('nothing happens', () => delay(5000), note), TIMEOUT)

test(
  'rolling restart: no lookup fails, and the new replicas are on two nodes',
  async note => {
    await losesNone('rolling restart', restart, note)
    deepEqual(await nodesOfReplicas(), ['node-1', 'node-2'])
  },
  TIMEOUT,
)

test(
  'Sextant is replaced by CoreDNS under the same Service and ConfigMap, and back: no lookup fails',
  async note => {
    const image = '{.spec.template.spec.containers[0].image}'
    const sextant = await inKubeSystem('get', 'deployment', 'coredns', '-o', `jsonpath=${image}`)
    try {
      for (const to of [COREDNS, sextant]) {
        const isOut = to === COREDNS
        await losesNone(
          isOut ? 'Sextant is replaced by CoreDNS' : 'CoreDNS is replaced by Sextant',
          () => swap(to),
          note,
        )
        equal(processes('CoreDNS').length, isOut ? 2 : 0, 'processes of CoreDNS')
        equal(processes('Sextant').length, isOut ? 0 : 2, 'processes of Sextant')
      }
    } finally {
      await swap(sextant)
    }
  },
  { timeoutMs: 240_000, skip: existsSync(archivePath(COREDNS)) ? '' : 'no coredns was on PATH when the lab came up' },
)

test('scale 2 → 4 → 2: no lookup fails', note => losesNone('scale 2 → 4 → 2', () => scale(4, 2), note), TIMEOUT)

test(
  'a node is drained of its replica: no lookup fails',
  async note => {
    const [replica] = await podsWith(LABEL, 'kube-system')
    const { node } = replica!
    const other = NODES.find(({ name }) => name !== node)!.name
    try {
      const drain = ['drain', node, `--pod-selector=${LABEL}`, '--delete-emptydir-data', '--timeout=60s']
      await losesNone(
        'drain of a node',
        async () => {
          await kubectl(...drain)
          await settled(2)
        },
        note,
      )
      deepEqual(await nodesOfReplicas(), [other, other])
    } finally {
      await kubectl('uncordon', node)
      // Back to one on each node: a new one keeps away from the old.
      await scale(1, 2)
    }
  },
  { timeoutMs: 240_000 },
)
