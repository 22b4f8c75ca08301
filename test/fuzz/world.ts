/**
 * What the fuzzed messages are put to: server blocks with all plugins that answer, change or note a query, set up from a
 * Corefile as a server does it, but without listeners.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { plugins } from '../../plugins/index.ts'
import { build } from '../../server/control/build.ts'
import { readConfiguration } from '../../server/control/configuration.ts'
import { announceServing, startStages, stopStages } from '../../server/control/lifecycle.ts'
import type { Routes } from '../../server/route.ts'
import { temporaryFolder } from '../harness/server.ts'

/** Whose address it is that all queries come from: a pod, so that `autopath` knows its search path. */
export const CLIENT = '192.0.2.9'

const corefile = (folder: string) => `.:53 {
    errors {
        consolidate 1h ".*timed out.*" warning
    }
    log . "{remote} {type} {name} {rcode} {/kubernetes/service} {/forward/upstream}"
    metadata
    prometheus 127.0.0.1:0
    autopath @kubernetes
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        manifests ${folder}
        pods verified
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    hosts /dev/null hosts.test 2.0.192.in-addr.arpa {
        192.0.2.1 a.hosts.test b.hosts.test
        2001:db8::1 a.hosts.test
        192.0.2.3 *.wild.hosts.test
        fallthrough 2.0.192.in-addr.arpa
    }
    transfer cluster.local {
        to *
    }
    cache 30 {
        serve_stale 1h
        prefetch 2 10s
    }
    loadbalance
    forward . 127.0.0.1:53 127.0.0.2:53 {
        prefer_udp
    }
}
example.org:53 {
    errors
    log
    whoami
}
test:53 {
    log
    cache 5
    forward x.test 127.0.0.3:53 {
        prefer_udp
        query_case lower
        next NXDOMAIN
        block_private
    }
    forward . 127.0.0.4:53 {
        prefer_udp
        max_fails 0
        failover SERVFAIL
    }
}
`

const MORE = `apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop }
spec: { containers: [{ name: a }] }
status: { phase: Running, podIP: ${CLIENT}, podIPs: [{ ip: ${CLIENT} }] }
---
apiVersion: v1
kind: Service
metadata: { name: outside, namespace: shop }
spec: { type: ExternalName, externalName: www.example }
---
apiVersion: v1
kind: Service
metadata: { name: circle, namespace: shop }
spec: { type: ExternalName, externalName: circle.shop.svc.cluster.local }
---
apiVersion: v1
kind: Service
metadata: { name: many, namespace: shop }
spec: { clusterIP: None, clusterIPs: [None], ipFamilies: [IPv4], ports: [{ name: http, port: 80, protocol: TCP }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: many-1, namespace: shop, labels: { kubernetes.io/service-name: many } }
addressType: IPv4
ports: [{ name: http, port: 8080, protocol: TCP }]
endpoints:
${Array.from({ length: 100 }, (_, i) => `  - { addresses: [10.9.0.${i + 1}], hostname: many-${i} }`).join('\n')}
`

export interface World {
  readonly routes: Routes
  stop(): Promise<void>
}

export async function makeWorld(): Promise<World> {
  const folder = temporaryFolder()
  cpSync(join(import.meta.dirname, '../../examples/manifests'), folder.path, { recursive: true })
  folder.write('more.yaml', MORE)
  const origin = {
    file: 'Corefile',
    folder: folder.path,
    text: corefile(folder.path),
    isDefault: false,
    isFallback: false,
  }
  const generation = build(readConfiguration(origin), { plugins, port: 53, reload: async () => false })
  await startStages(generation)
  announceServing(generation)
  const [plan] = generation.plans.values()
  return {
    routes: plan!.routes,
    async stop() {
      await stopStages(generation)
      folder.remove()
    },
  }
}
