/** What holds throughout the life of the addon. The last of its tests: they look back on all the others. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { podsWith } from '../pods.ts'
import { isConfined, LABEL } from '../replicas.ts'
import { remark } from './figures.ts'
import { memoryOfAll } from './memory.ts'

const MIB = 2 ** 20
/** Of k8s/deployment.yaml, and of kubeadm's. */
const LIMIT = 170 * MIB

test('memory: no replica came to its limit of 170 MiB, and none was killed for it', note => {
  const all = memoryOfAll('Sextant')
  ok(all.length >= 2, `${all.length} containers were seen`)
  deepEqual([...new Set(all.map(({ limit }) => limit))], [LIMIT])
  const peak = Math.max(...all.map(memory => memory.peak))
  const text = `${(peak / MIB).toFixed(1)} MiB at most, of ${LIMIT / MIB}, in ${all.length} containers`
  note(text)
  remark(`memory of a replica: ${text}`)
  ok(peak > 0 && peak < LIMIT)
  for (const { timesAtLimit, oomKills } of all) equal(timesAtLimit + oomKills, 0)
})

test('all replicas still run as nobody, with one capability, without a way to more, on a read-only root', async () => {
  const replicas = await podsWith(LABEL, 'kube-system')
  equal(replicas.length, 2)
  for (const { name } of replicas) await isConfined(name)
})
