/**
 * A change in the cluster is in the next answer: created, changed, deleted, created again, ready, unready. Times count
 * from the API server's own answer. Under the stock Corefile and under plain `cache 30`.
 */
import { deepEqual } from 'node:assert/strict'
import { type Note, type Options, test } from '../../harness/suite.ts'
import { ask } from '../ask.ts'
import { endpoint, HTTP, service, slice } from '../objects.ts'
import type { Server } from '../server.ts'
import { PLAIN_CACHE_COREFILE, seen, startServer, world } from '../world.ts'

/** Typically 1 ms, and up to 25 ms when others use the cores: ten times that. */
const VISIBLE_MS = 250

let plain: Server | undefined

/** Made for the first test that needs it, and again after one that failed. */
async function plainCacheServer(): Promise<Server> {
  if (!plain || plain.child.exit) {
    plain = await startServer('plain-cache', { corefile: PLAIN_CACHE_COREFILE })
    await plain.ready()
  }
  return plain
}

interface Side {
  corefile: string
  id: string
  server: () => Promise<Server>
  /** Octet of the addresses that this side creates. */
  net: number
  options: Options
}

const STORED = 'CoreDNS stores the negative answer for up to 30 s under plain "cache 30"'
const SIDES: readonly Side[] = [
  { corefile: 'stock Corefile', id: 'stock', server: async () => world().server, net: 20, options: {} },
  { corefile: 'plain cache 30', id: 'plain', server: plainCacheServer, net: 21, options: { coredns: STORED } },
]

for (const { corefile, id, server, net, options } of SIDES) {
  const shop = `shop-${id}.default.svc.cluster.local`

  const appears = async (what: string, note: Note, ...args: Parameters<typeof seen>): Promise<void> => {
    note(`${what} ${(await seen(...args)).toFixed(1)} ms`)
  }

  test(
    `${corefile}: a service is there at once, deleted, created again`,
    async note => {
      const { ip } = await server()
      const { api } = world().cluster
      const first = service('default', `shop-${id}`, { clusterIP: `10.96.${net}.1` })
      const second = service('default', `shop-${id}`, { clusterIP: `10.96.${net}.2` })
      await seen(ip, shop, 'A', 'NXDOMAIN', 2000)
      await api.create(first)
      await appears('created', note, ip, shop, 'A', [`10.96.${net}.1`], VISIBLE_MS)
      await api.delete(first)
      await appears('deleted', note, ip, shop, 'A', 'NXDOMAIN', VISIBLE_MS)
      await api.create(second)
      await appears('created again', note, ip, shop, 'A', [`10.96.${net}.2`], VISIBLE_MS)
      await api.delete(second)
      await appears('deleted again', note, ip, shop, 'A', 'NXDOMAIN', VISIBLE_MS)
    },
    options,
  )

  test(
    `${corefile}: ExternalName changed, then turned into a ClusterIP`,
    async note => {
      const { ip } = await server()
      const { api } = world().cluster
      const name = `mover-${id}.default.svc.cluster.local`
      const mover = service('default', `mover-${id}`, {
        type: 'ExternalName',
        externalName: 'target.example.test',
        ports: [],
      })
      await api.create(mover)
      await seen(ip, name, 'A', ['target.example.test', '198.51.100.7'], 2000)
      await api.patch(mover, { spec: { externalName: 'moved.example.test' } })
      await appears('changed', note, ip, name, 'A', ['moved.example.test', '198.51.100.8'], VISIBLE_MS)
      const spec = { type: 'ClusterIP', externalName: null, clusterIP: `10.96.${net}.3`, ports: HTTP }
      await api.patch(mover, { spec })
      await appears('turned', note, ip, name, 'A', [`10.96.${net}.3`], VISIBLE_MS)
      await api.delete(mover)
    },
    options,
  )

  test(
    `${corefile}: endpoints become ready and unready`,
    async note => {
      const { ip } = await server()
      const { api } = world().cluster
      const name = `pool-${id}.default.svc.cluster.local`
      const [a, b] = [`10.244.${net}.1`, `10.244.${net}.2`]
      const pool = service('default', `pool-${id}`, { clusterIP: 'None' })
      const slices = slice('default', `pool-${id}`, [
        { ip: a, ready: false },
        { ip: b, ready: false },
      ])
      await Promise.all([api.create(pool), api.create(slices)])
      await seen(ip, name, 'A', 'NXDOMAIN', 2000)
      const set = (ready: readonly [boolean, boolean]): Promise<unknown> => {
        const endpoints = [endpoint({ ip: a, ready: ready[0] }), endpoint({ ip: b, ready: ready[1] })]
        return api.patch(slices, { endpoints })
      }
      await set([true, false])
      await appears('one ready', note, ip, name, 'A', [a], VISIBLE_MS)
      await set([true, true])
      await appears('both', note, ip, name, 'A', [a, b], VISIBLE_MS)
      await set([false, true])
      await appears('the other', note, ip, name, 'A', [b], VISIBLE_MS)
      await set([false, false])
      await appears('none', note, ip, name, 'A', 'NXDOMAIN', VISIBLE_MS)
      await Promise.all([api.delete(pool), api.delete(slices)])
    },
    options,
  )

  test(
    `${corefile}: the reverse name of a service that was asked for just before`,
    async note => {
      const { ip } = await server()
      const { api } = world().cluster
      const reverse = `9.${net}.96.10.in-addr.arpa`
      deepEqual((await ask(ip, reverse, 'PTR')).data, ['leaked.example.test'], 'fallthrough in-addr.arpa')
      const late = service('default', `late-${id}`, { clusterIP: `10.96.${net}.9` })
      await api.create(late)
      await appears('created', note, ip, reverse, 'PTR', [`late-${id}.default.svc.cluster.local`], VISIBLE_MS)
      await api.delete(late)
    },
    { coredns: 'CoreDNS answers from the cache what fell through before' },
  )
}

test('a slice that moves to another service is followed', async () => {
  const {
    cluster: { api },
    server,
  } = world()
  const red = service('default', 'red', { clusterIP: 'None' })
  const blue = service('default', 'blue', { clusterIP: 'None' })
  const one = slice('default', 'red', [{ ip: '10.244.22.1' }])
  await Promise.all([api.create(red), api.create(blue), api.create(one)])
  await seen(server.ip, 'red.default.svc.cluster.local', 'A', ['10.244.22.1'], 2000)
  await api.patch(one, { metadata: { labels: { 'kubernetes.io/service-name': 'blue' } } })
  await seen(server.ip, 'blue.default.svc.cluster.local', 'A', ['10.244.22.1'], VISIBLE_MS)
  await seen(server.ip, 'red.default.svc.cluster.local', 'A', 'NXDOMAIN', VISIBLE_MS)
  await Promise.all([api.delete(red), api.delete(blue), api.delete(one)])
})

test('a namespace and a service in it, asked for before both', async () => {
  const {
    cluster: { api },
    server,
  } = world()
  const name = 'first.fresh.svc.cluster.local'
  await seen(server.ip, name, 'A', 'NXDOMAIN', 2000)
  await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fresh' } })
  await seen(server.ip, '10-244-9-9.fresh.pod.cluster.local', 'A', ['10.244.9.9'], VISIBLE_MS)
  await api.create(service('fresh', 'first', { clusterIP: '10.96.22.1' }))
  await seen(server.ip, name, 'A', ['10.96.22.1'], VISIBLE_MS)
})
