/** A stage that joined another one, in the same thread: it answers all that the other one does, and knows what that knows. */
import { setTimeout } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { KINDS } from '../../../../plugins/kubernetes/object/object.ts'
import type { Stage } from '../../../../server/plugin.ts'
import { query, readReply } from '../../../harness/message.ts'
import { wire } from '../../../harness/stage.ts'
import { type Cluster, clusterOf, pod, service } from '../cluster.ts'
import { objects as ofSet, ZONES } from '../cluster-set.ts'
import { objects } from '../objects.ts'
import { indexOf, read, write } from '../snapshot/pictures.ts'
import { clusterWith } from '../transferred.ts'

const BODY = 'ttl 30\npods verified'
const TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'TXT', 'SOA', 'NS', 'CNAME', 'ANY']

/** Two stages of one configuration, of which the second one has joined the first. */
function joined(make: Parameters<typeof clusterOf>[0] = {}, behind: Stage[] = []) {
  const options = { body: BODY, behind, ...make }
  const main = clusterOf({ objects, ...options })
  const other = clusterOf({ ...options, objects: [], unsynced: KINDS })
  return { main, other, ...connect(main, other) }
}

function connect(main: Cluster, other: Cluster) {
  const { port1, port2 } = new MessageChannel()
  other.stage.join(main.stage.share(port1), port2)
  return { port1, port2 }
}

const names = [
  ...['kubernetes.default', 'dual.prod', 'six.prod', 'db.prod', 'shared.prod', 'unready.prod', 'out.prod', 'in.prod'],
  ...['lost.nowhere', 'orphan.prod', 'nothing.prod', 'db-0.db.prod', '10-244-0-2.db.prod', 'peer.shared.prod'],
  ...['_pg._tcp.db.prod', '_http._tcp.dual.prod', '_udp.dns.kube-system', 'prod'],
].map(name => `${name}.svc.cluster.local`)
const others = [
  ...['cluster.local', 'dns-version.cluster.local', 'ns.dns.cluster.local', '10-244-0-1.prod.pod.cluster.local'],
  ...['10-9-9-9.prod.pod.cluster.local', '1.0.96.10.in-addr.arpa', '1.0.244.10.in-addr.arpa', '9.9.9.10.in-addr.arpa'],
]

test('it answers all that the other one does', async () => {
  const { main, other } = joined()
  for (const name of [...names, ...others]) {
    for (const type of TYPES)
      assert.is(await other.ask(name, { type }), await main.ask(name, { type }), `${name} ${type}`)
  }
})

test('names of a cluster set too, and what is put into either is in the next answer', async () => {
  const body = `${BODY}\nmulticluster clusterset.local`
  const { main, other } = joined({ zones: ZONES, body, objects: ofSet })
  const set = ['web', 'dual', 'db', 'quiet', 'split', 'lost'].map(name => `${name}.prod.svc.clusterset.local`)
  for (const name of [...set, 'db-0.east.db.prod.svc.clusterset.local', 'web.prod.svc.cluster.local']) {
    for (const type of TYPES)
      assert.is(await other.ask(name, { type }), await main.ask(name, { type }), `${name} ${type}`)
  }
  main.put(service('web.prod', ['10.96.7.7']))
  assert.match(await other.ask('web.prod.svc.cluster.local'), /A 10\.96\.7\.7$/)
  main.remove(service('web.prod', []))
  assert.match(await other.ask('web.prod.svc.cluster.local'), /^NXDOMAIN/)
})

test('what is not synced is unknown there, and what it waits for is the same', async () => {
  const { main, other } = joined()
  const ask = () => other.ask('nothing.prod.svc.cluster.local')
  assert.match(await ask(), /^NXDOMAIN/)
  assert.ok(other.stage.ready())
  main.index.setSynced('service', false)
  assert.match(await ask(), /^SERVFAIL/)
  assert.not(other.stage.ready())
  main.index.setSynced('service', true)
  assert.match(await ask(), /^NXDOMAIN/)
  assert.ok(other.stage.ready())
  assert.is(other.stage.condition(), '')
})

test('an answer from a snapshot is marked there as here', async () => {
  const main = clusterOf({ body: BODY, unsynced: KINDS })
  const other = clusterOf({ body: BODY, unsynced: KINDS })
  const { port1, port2 } = connect(main, other)
  await read(await write(indexOf(objects)), main.index)
  const ask = async (cluster: Cluster) => {
    const octets = await cluster.send(query('dual.prod.svc.cluster.local', { edns: 1232 }))
    const [record] = readReply(octets).additionals as unknown as { options: { code: number; data: Buffer }[] }[]
    return record!.options
      .find(({ code }) => code === 15)
      ?.data.subarray(2)
      .toString()
  }
  assert.is(await ask(other), await ask(main))
  port1.postMessage({ staleText: 'snapshot of yesterday' }) // as after a reload that brought one
  await setTimeout(50)
  assert.is(await ask(other), 'snapshot of yesterday')
  for (const kind of KINDS) main.index.setSynced(kind, true)
  assert.is(await ask(other), undefined)
  port1.close()
  port2.close()
})

test('a serial under which one of them sent a zone is not used again', async () => {
  const main = clusterWith({ body: BODY })
  const other = clusterWith({ body: BODY, objects: [], unsynced: KINDS })
  connect(main, other)
  for (let i = 0; i < 5; i++) {
    const [sender, next] = i % 2 === 0 ? [other, main] : [main, other]
    const { records } = await sender.transfer()
    const serial = Number(records[0]!.split(' ')[6])
    main.put(service('dual.prod', [`10.96.0.${100 + i}`]))
    const { records: later } = await next.transfer()
    assert.ok(Number(later[0]!.split(' ')[6]) > serial, `${later[0]} after ${serial}`)
    assert.ok(later.some(record => record.endsWith(`A 10.96.0.${100 + i}`)))
    assert.is(later.at(-1), later[0])
  }
})

test('it knows the pods that ask', async () => {
  const site = { plugins: ['metadata'], wantedMetadata: new Set(['kubernetes/client-label/app']) }
  const { main, other } = joined({ site })
  let seen: (string | undefined)[] = []
  const labels = ['client-namespace', 'client-pod-name', 'client-label/app']
  const stage = other.stage
  const path: string[] = []
  const front: Stage = {
    handle: (q, next) => {
      q.peer = { ...q.peer, address: '10.5.0.1' }
      seen = labels.map(label => stage.metadata(`kubernetes/${label}`)!(q, q.answer))
      path.push(...(stage.searchPath!(q) ?? []).map(name => Buffer.from(name).toString('latin1')))
      return next(q)
    },
  }
  const { ask } = wire([front, stage])
  await ask('web.prod.svc.cluster.local')
  assert.equal(seen, [undefined, undefined, undefined])
  const known = pod('asker.prod', '10.5.0.1')
  main.put({ ...known, metadata: { ...(known.metadata as object), labels: { app: 'shop' } } })
  await ask('web.prod.svc.cluster.local')
  assert.equal(seen, ['prod', 'asker', 'shop'])
  assert.is(path.length, 3)
})

test('ends without its source: the other one goes on', async () => {
  const { main, other } = joined()
  await other.stage.stop()
  await other.stage.stop()
  assert.match(await main.ask('dual.prod.svc.cluster.local'), /^NOERROR/)
})

test.run()
