/**
 * RBAC: the rights of k8s/ are enough (the shared server has exactly those), a missing one is named, a granted one is
 * taken up without a restart, and a token that kubelet replaced is read again.
 */
import { equal, match, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { account } from '../objects.ts'
import { seen, startServer, WEB, WEB_IP, world } from '../world.ts'

const RESOURCES: readonly [group: string, resource: string][] = [
  ['', 'services'],
  ['discovery.k8s.io', 'endpointslices'],
  ['', 'namespaces'],
]

for (const missing of RESOURCES) {
  const [, resource] = missing
  test(
    `permission on ${resource} missing: one line names it, not ready; granted: ready`,
    async note => {
      const { cluster, isCoreDNS } = world()
      const name = `without-${resource}`
      const objects = account(
        name,
        RESOURCES.filter(other => other !== missing),
      )
      for (const object of objects) await cluster.api.create(object)
      const server = await startServer(name, { token: await cluster.api.token('kube-system', name) })
      const pattern = new RegExp(`(list|watch).*\\b${resource}\\b|\\b${resource}\\b.*(list|watch)`)
      const line = await server.child.line(pattern, 15_000)
      match(line, /forbidden|permission|denied|not allowed/i)
      await eventually(
        15_000,
        '/ready saying 503',
        async () => {
          const { status, body } = await server.http(8181, '/ready')
          equal(status, 503)
          match(body, /kubernetes/)
        },
        50,
      )
      // Retries do not repeat it within seconds.
      await delay(2000)
      const lines = server.child.lines.filter(other => pattern.test(other))
      if (!isCoreDNS) equal(lines.length, 1, lines.join('\n'))
      equal((await server.http(8080, '/health')).status, 200)
      await cluster.api.patch(objects[1]!, { rules: account(name, RESOURCES)[1]!.rules })
      const start = performance.now()
      await server.ready(5_000)
      note(`ready ${(performance.now() - start).toFixed(0)} ms after the grant`)
      await seen(server.ip, WEB, 'A', [WEB_IP], 1000)
      await server.stop()
    },
    { timeoutMs: 90_000 },
  )
}

test(
  'the token is replaced, the old one is void: watches go on with the new one',
  async note => {
    const { cluster } = world()
    const objects = account('rotating', RESOURCES)
    for (const object of objects) await cluster.api.create(object)
    const old = await cluster.api.token('kube-system', 'rotating')
    const server = await startServer('rotating', { token: old })
    await server.ready()
    // A token is bound to the uid of its account: a new account voids it.
    await cluster.api.delete(objects[0]!)
    await cluster.api.create(objects[0]!)
    const fresh = await cluster.api.token('kube-system', 'rotating')
    ok(fresh !== old)
    server.writeToken(fresh)
    await cluster.stopApiserver()
    await cluster.startApiserver()
    const added = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'after-rotation' } }
    await cluster.api.create(added)
    const tookMs = await seen(server.ip, '10-1-1-1.after-rotation.pod.cluster.local', 'A', ['10.1.1.1'], 75_000)
    note(`seen ${tookMs.toFixed(0)} ms after the API server was back`)
    await server.stop()
  },
  { timeoutMs: 150_000, coredns: 'client-go keeps a token for a minute and backs off further: not within 75 s' },
)
