/** Answers from a snapshot: marked, short-lived, never a denial, and never cached. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as cache } from '../../../../plugins/cache/cache.ts'
import { acquireFeed } from '../../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../../plugins/kubernetes/handler.ts'
import { KINDS, type Kind } from '../../../../plugins/kubernetes/object/object.ts'
import { parseCorefile } from '../../../../server/corefile/corefile.ts'
import { Directive, type Stage } from '../../../../server/plugin.ts'
import { empty } from '../../../../server/reply.ts'
import { EDE, RCODE, TYPE } from '../../../../server/wire/codes.ts'
import { query, readReply, replyText, text } from '../../../harness/message.ts'
import { testSite, wire } from '../../../harness/stage.ts'
import { type Cluster, clusterOf, settingsOf } from '../cluster.ts'
import { objects } from '../objects.ts'
import { indexOf, read, write } from './pictures.ts'

/** The cluster of objects.ts as a snapshot has it. Of `synced` kinds all is known. */
async function staleCluster({ body = '', synced = [] as Kind[], behind = [] as Stage[] } = {}): Promise<Cluster> {
  const options = { body: `ttl 30\n${body}`, unsynced: [...KINDS], behind }
  const cluster = clusterOf(options)
  await read(await write(indexOf(objects)), cluster.index)
  for (const kind of synced) cluster.index.setSynced(kind, true)
  cluster.index.serial = 7
  return cluster
}

interface Seen {
  is: string
  error: number | undefined
}

async function ask(cluster: Pick<Cluster, 'send'>, name: string, type = 'A'): Promise<Seen> {
  const octets = await cluster.send(query(name, { type, edns: 4096 }), true)
  const options = readReply(octets).additionals!.flatMap(record => ('options' in record ? record.options : []))
  const [option] = options as { code: number; data: Buffer }[]
  return { is: replyText(octets), error: option?.code === 15 ? option.data.readUInt16BE() : undefined }
}

const SOA = 'cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30'
const nodata = `NOERROR aa rd\n;; AUTHORITY\n${SOA}`

const stale: { name: string; ask: string; type?: string; body?: string; is: string }[] = [
  {
    name: 'a service',
    ask: 'dual.prod.svc.cluster.local',
    is: 'NOERROR aa rd\n;; ANSWER\ndual.prod.svc.cluster.local. 5 IN A 10.96.0.20',
  },
  { name: 'a type that it does not have', ask: 'dual.prod.svc.cluster.local', type: 'MX', is: nodata },
  {
    name: 'a TTL that is lower stays',
    ask: 'dual.prod.svc.cluster.local',
    body: 'ttl 2',
    is: 'NOERROR aa rd\n;; ANSWER\ndual.prod.svc.cluster.local. 2 IN A 10.96.0.20',
  },
  {
    name: 'SRV and what belongs to it',
    ask: '_http._tcp.six.prod.svc.cluster.local',
    type: 'SRV',
    is: `NOERROR aa rd
    ;; ANSWER
    _http._tcp.six.prod.svc.cluster.local. 5 IN SRV 0 100 80 six.prod.svc.cluster.local.
    ;; ADDITIONAL
    six.prod.svc.cluster.local. 5 IN AAAA fd00:96::6`,
  },
  {
    name: 'an endpoint',
    ask: 'db-0.db.prod.svc.cluster.local',
    is: 'NOERROR aa rd\n;; ANSWER\ndb-0.db.prod.svc.cluster.local. 5 IN A 10.244.0.1',
  },
  { name: 'a namespace', ask: 'prod.svc.cluster.local', is: nodata },
  {
    name: 'a pod',
    ask: '10-244-7-7.default.pod.cluster.local',
    body: 'pods verified',
    is: 'NOERROR aa rd\n;; ANSWER\n10-244-7-7.default.pod.cluster.local. 5 IN A 10.244.7.7',
  },
  {
    name: 'a reverse name',
    ask: '20.0.96.10.in-addr.arpa',
    type: 'PTR',
    is: 'NOERROR aa rd\n;; ANSWER\n20.0.96.10.in-addr.arpa. 5 IN PTR dual.prod.svc.cluster.local.',
  },
  {
    name: 'an ExternalName',
    ask: 'out.prod.svc.cluster.local',
    type: 'CNAME',
    is: 'NOERROR aa rd\n;; ANSWER\nout.prod.svc.cluster.local. 5 IN CNAME target.example.com.',
  },
]
for (const { name, ask: asked, type = 'A', body = '', is } of stale) {
  test(`stale: ${name}`, async () => {
    const cluster = await staleCluster({ body })
    assert.equal(await ask(cluster, asked, type), { is: text`${is}`, error: EDE.STALE_ANSWER })
    for (const kind of KINDS) cluster.index.setSynced(kind, true)
    const { error, is: fresh } = await ask(cluster, asked, type)
    assert.is(error, undefined)
    assert.is(fresh.includes(' 5 IN '), false)
  })
}

const unknown: { name: string; ask: string; type?: string; body?: string }[] = [
  { name: 'a service', ask: 'nope.prod.svc.cluster.local' },
  { name: 'a namespace', ask: 'nope.svc.cluster.local' },
  { name: 'a port of a service that is known', ask: '_nope._tcp.dual.prod.svc.cluster.local', type: 'SRV' },
  { name: 'a port of a headless one', ask: '_nope._tcp.db.prod.svc.cluster.local', type: 'SRV' },
  { name: 'an endpoint', ask: 'nope.db.prod.svc.cluster.local' },
  { name: 'below an ExternalName, which may be none any more', ask: 'a.out.prod.svc.cluster.local' },
  { name: 'an ExternalName without a target', ask: 'broken.prod.svc.cluster.local' },
  { name: 'a service without a ready endpoint', ask: 'unready.prod.svc.cluster.local' },
  { name: 'an empty service', ask: 'empty.prod.svc.cluster.local', body: 'ignore empty_service' },
  { name: 'a pod', ask: '10-244-7-8.default.pod.cluster.local', body: 'pods verified' },
  { name: 'a reverse name', ask: '99.0.96.10.in-addr.arpa', type: 'PTR' },
  { name: 'a name of no service', ask: 'nope.cluster.local' },
]
for (const { name, ask: asked, type = 'A', body = '' } of unknown) {
  for (const through of ['', 'fallthrough']) {
    test(`not in the snapshot, ${through || 'no fallthrough'}: ${name}`, async () => {
      const next: Stage = { handle: q => empty(q, RCODE.YXDOMAIN) }
      const cluster = await staleCluster({ body: `${body}\n${through}`, behind: [next] })
      assert.equal(await ask(cluster, asked, type), { is: 'SERVFAIL rd', error: EDE.NOT_READY })
      for (const kind of KINDS) cluster.index.setSynced(kind, true)
      assert.match((await ask(cluster, asked, type)).is, through ? /^YXDOMAIN/ : /^NXDOMAIN/)
    })
  }
}

const parts: { name: string; synced: Kind[]; ask: string; body?: string; isStale: boolean }[] = [
  {
    name: 'services without pods',
    synced: ['namespace', 'service', 'endpointslice'],
    ask: 'dual.prod',
    isStale: false,
  },
  { name: 'services without slices', synced: ['namespace', 'service', 'pod'], ask: 'db.prod', isStale: true },
]
for (const { name, synced, ask: asked, isStale } of parts) {
  test(`some kinds are synced: ${name}`, async () => {
    const cluster = await staleCluster({ body: 'pods verified', synced })
    const { error } = await ask(cluster, `${asked}.svc.cluster.local`)
    assert.is(error, isStale ? EDE.STALE_ANSWER : undefined)
  })
}

test('names that no object stands for are not stale', async () => {
  const cluster = await staleCluster()
  for (const [name, type] of [
    ['dns-version.cluster.local', 'TXT'],
    ['svc.cluster.local', 'A'],
  ] as const)
    assert.is((await ask(cluster, name, type)).error, undefined)
})

test('the text says when it was taken', async () => {
  const file = await write(indexOf(objects), {
    header: {
      takenAtMs: Date.now() - 90_000,
      picture: { server: '', ca: '', labels: '', namespaceLabels: '', endpointPodNames: false },
    },
  })
  const feed = acquireFeed('text', {
    kinds: ['namespace', 'service', 'endpointslice'],
    endpointPodNames: false,
    makeSource: () => ({ start: async () => {}, stop: async () => {} }),
  })
  const site = testSite()
  const stage = new Kubernetes(settingsOf('cluster.local', `snapshot ${file}`), site, feed)
  stage.link()
  await stage.start(undefined)
  const octets = await wire([stage]).send(query('dual.prod.svc.cluster.local', { edns: 1232 }))
  assert.match(Buffer.from(octets).toString('latin1'), /snapshot of 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.ok(feed.snapshotAgeS! >= 90 && feed.snapshotAgeS! < 120, `${feed.snapshotAgeS}`)
  assert.is(stage.ready(), true)
  for (const kind of KINDS) feed.index.setSynced(kind, true)
  assert.is(feed.snapshotAgeS, undefined)
  await stage.stop()
})

test('a cache in front neither stores nor serves them', async () => {
  const cluster = await staleCluster({ body: 'fallthrough in-addr.arpa' })
  const stages: Stage[] = []
  const site = testSite(stages, ['cache', 'kubernetes'])
  const nodes = parseCorefile('.:53 {\ncache 30 {\nserve_stale 1h\n}\n}\n', 'Corefile').blocks[0]!.directives
  stages.push(cache.setup(new Directive(nodes), site), cluster.stage)
  for (const stage of stages) stage.link?.()
  await stages[0]!.start!(undefined)
  const chain = wire(stages)
  const names = [
    ['dual.prod.svc.cluster.local', 'A'],
    ['dual.prod.svc.cluster.local', 'MX'],
    ['20.0.96.10.in-addr.arpa', 'PTR'],
  ] as const
  for (const [name, type] of names) {
    for (let i = 0; i < 3; i++) assert.is((await ask(chain, name, type)).error, EDE.STALE_ANSWER)
  }
  for (const kind of KINDS) cluster.index.setSynced(kind, true)
  cluster.index.put('service', {
    kind: 'service',
    namespace: 'prod',
    name: 'dual',
    clusterIPs: ['10.96.0.99'],
    headless: false,
    externalName: undefined,
    ports: [],
  })
  assert.match((await ask(chain, 'dual.prod.svc.cluster.local')).is, /30 IN A 10\.96\.0\.99$/)
  assert.match((await ask(chain, '20.0.96.10.in-addr.arpa', 'PTR')).is, /^REFUSED/)
  await stages[0]!.stop!()
})

test('an ExternalName whose target takes time is marked too', async () => {
  const slow: Stage = {
    handle: async q => {
      await new Promise(resolve => setTimeout(resolve, 1))
      const a = q.answer.reset()
      a.answer.add(null, 0, TYPE.A, 300, Uint8Array.of(192, 0, 2, 1))
      return a
    },
  }
  const cluster = await staleCluster({ behind: [slow] })
  assert.equal(await ask(cluster, 'out.prod.svc.cluster.local'), {
    is: text`NOERROR aa rd
    ;; ANSWER
    out.prod.svc.cluster.local. 5 IN CNAME target.example.com.
    target.example.com. 5 IN A 192.0.2.1`,
    error: EDE.STALE_ANSWER,
  })
})

test.run()
