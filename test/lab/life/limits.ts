/** What holds throughout the life of the addon. The last of its tests: they look back on all the others. */
import { equal } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { podsWith } from '../pods.ts'
import { isConfined, LABEL } from '../replicas.ts'
import { MIB, staysBelow } from './memory.ts'

/** Of k8s/deployment.yaml, and of kubeadm's. */
const LIMIT = 170 * MIB

test('memory: no replica came to its limit of 170 MiB, and none was killed for it', note => {
  staysBelow('Sextant', LIMIT, 'peak', note)
})

test('all replicas still run as nobody, with one capability, without a way to more, on a read-only root', async () => {
  const replicas = await podsWith(LABEL, 'kube-system')
  equal(replicas.length, 2)
  for (const { name } of replicas) await isConfined(name)
})
