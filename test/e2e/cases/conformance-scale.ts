/**
 * The scale test of the Kubernetes e2e suite: as many services as a cluster may have. They are not deleted: no test comes
 * after this one, and the kernel takes the cluster away.
 */
import { deepEqual } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { namespace, service } from '../objects.ts'
import { digShort, querierPod, ZONE } from '../querier.ts'
import { world } from '../world.ts'

/** As many as a cluster may have, and as a namespace may have. */
const SERVICES = 10_000
const PER_NAMESPACE = 5000
const EACH = 20
const RECORD_MS = 30_000

test(
  'conformance: Should answer DNS query for maximum number of services per cluster',
  async note => {
    const { api } = world().cluster
    const pod = await querierPod()
    const namespaces = Array.from({ length: SERVICES / PER_NAMESPACE }, (_, i) => `performancedns-${i}`)
    for (const name of namespaces) await api.create(namespace(name))
    const started = performance.now()
    const clusterIPs: string[] = []
    let next = 0
    const create = async (): Promise<void> => {
      while (next < SERVICES) {
        const i = next++
        const made = service(namespaces[i % namespaces.length]!, `svc-${i}`, { ports: [{ port: 80 }] })
        clusterIPs[i] = ((await api.create(made)) as { spec: { clusterIP: string } }).spec.clusterIP
      }
    }
    await Promise.all(Array.from({ length: 8 }, create))
    note(`${SERVICES} services made in ${((performance.now() - started) / 1000).toFixed(0)} s`)
    let slowest = 0
    for (let i = 0; i < SERVICES; i += EACH) {
      const name = `svc-${i}.${namespaces[i % namespaces.length]}.svc.${ZONE}`
      const took = await eventually(
        RECORD_MS,
        name,
        async () => {
          deepEqual(await digShort(pod, name), [clusterIPs[i]])
        },
        1000,
      )
      slowest = Math.max(slowest, took)
    }
    note(`${SERVICES / EACH} asked, the slowest known after ${slowest.toFixed(0)} ms, dig's own start included`)
  },
  { timeoutMs: 600_000 },
)
