import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/autopath/autopath.ts'
import { searchIn } from '../../plugins/autopath/setup.ts'
import { families } from '../../server/metrics.ts'
import { type Answer, QUESTION, type Query, type Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, RCODE, TYPE, typeName } from '../../server/wire/codes.ts'
import { nameFromText, nameToText } from '../../server/wire/name.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { answer, fakeUpstream } from '../harness/fake-upstream.ts'
import { type Ask, query, replyText, text } from '../harness/message.ts'
import { startServer, temporaryFolder } from '../harness/server.ts'
import { chainOf } from '../harness/stage.ts'

const folder = temporaryFolder()
test.after(() => folder.remove())
folder.write('resolv.conf', 'nameserver 192.0.2.1\nsearch ns.svc.cluster.local svc.cluster.local corp.example\n')
folder.write('empty.conf', 'nameserver 192.0.2.1\n')

const SOA = nameFromText('soa')
const SOA_DATA = Uint8Array.from([...SOA, ...SOA, ...new Array<number>(20).fill(0)])

/** What is known: `NAME TYPE` or `NAME` → an address, or an rcode. `later` answers in a turn of its own. */
interface World {
  answers?: Record<string, string>
  later?: boolean
}

/** A stage that knows these names, writes down what it is asked, and denies all else. */
function backend({ answers = {}, later = false }: World, asked: string[]): Stage {
  const answerTo = (q: Query): Answer => {
    const found = answers[`${q.qnameText} ${typeName(q.qtype)}`] ?? answers[q.qnameText]
    if (found === undefined || found === 'NODATA' || found === 'NXDOMAIN')
      return reply.negative(q, found === 'NODATA' ? RCODE.NOERROR : RCODE.NXDOMAIN, q.labelCount - 1, SOA_DATA, 7)
    if (found === 'SERVFAIL') return reply.servfail(q, EDE.OTHER, new Error('down'))
    if (found === 'REFUSED') return reply.refused(q, EDE.OTHER)
    const a = q.answer.reset()
    a.authoritative = true
    if (q.qtype === TYPE.A) a.answer.add(QUESTION, 0, TYPE.A, 60, Uint8Array.from(found.split('.').map(Number)))
    else a.answer.add(QUESTION, 0, TYPE.CNAME, 60, nameFromText('other.example'))
    a.additional.add(nameFromText('x.other.example'), 2, TYPE.A, 60, Uint8Array.of(192, 0, 2, 99))
    return a
  }
  return {
    handle: q => {
      asked.push(`${q.qnameText} ${typeName(q.qtype)}`)
      return later ? new Promise<void>(resolve => setImmediate(resolve)).then(() => answerTo(q)) : answerTo(q)
    },
  }
}

function setUp(world: World, body = `autopath ${folder.path}/resolv.conf`) {
  const asked: string[] = []
  const chain = chainOf([plugin], body, [backend(world, asked)])
  return { ...chain, asked }
}

const LOCAL = 'ns.svc.cluster.local'

for (const later of [false, true]) {
  const when = later ? 'later' : 'at once'
  for (const { name, ask = `www.example.com.${LOCAL}`, type = 'A', answers, is, asks } of [
    {
      name: 'the name as it stands',
      answers: { [`www.example.com.${LOCAL}.`]: '10.0.0.1' },
      is: `NOERROR aa rd
        ;; ANSWER
        www.example.com.${LOCAL}. 60 IN A 10.0.0.1
        ;; ADDITIONAL
        other.example. 60 IN A 192.0.2.99`,
      asks: 1,
    },
    {
      name: 'the name alone',
      answers: { 'www.example.com.': '192.0.2.1' },
      is: `NOERROR aa rd
        ;; ANSWER
        www.example.com.${LOCAL}. 60 IN CNAME www.example.com.
        www.example.com. 60 IN A 192.0.2.1
        ;; ADDITIONAL
        other.example. 60 IN A 192.0.2.99`,
      asks: 4,
    },
    {
      name: 'an element in between',
      ask: `web.prod.${LOCAL}`,
      answers: { 'web.prod.svc.cluster.local.': '10.0.0.2', 'web.prod.': '192.0.2.1' },
      is: `NOERROR aa rd
        ;; ANSWER
        web.prod.${LOCAL}. 60 IN CNAME web.prod.svc.cluster.local.
        web.prod.svc.cluster.local. 60 IN A 10.0.0.2
        ;; ADDITIONAL
        other.example. 60 IN A 192.0.2.99`,
      asks: 2,
    },
    {
      name: 'a name that has no such record exists',
      answers: { 'www.example.com.': 'NODATA', 'www.example.com.corp.example.': 'NXDOMAIN' },
      is: `NOERROR aa rd
        ;; ANSWER
        www.example.com.${LOCAL}. 7 IN CNAME www.example.com.
        ;; AUTHORITY
        com. 7 IN SOA soa. soa. 0 0 0 0 0`,
      asks: 4,
    },
    { name: 'none of them', answers: {}, is: 'NXDOMAIN', asks: 4 },
    {
      name: 'what is refused is passed over',
      answers: { 'www.example.com.corp.example.': 'REFUSED' },
      is: 'NXDOMAIN',
      asks: 4,
    },
    {
      name: 'one that fails leaves the rest to the client',
      answers: { 'www.example.com.corp.example.': 'SERVFAIL', 'www.example.com.': '192.0.2.1' },
      is: 'NXDOMAIN',
      asks: 3,
    },
    { name: 'the first one fails', answers: { [`www.example.com.${LOCAL}.`]: 'SERVFAIL' }, is: 'SERVFAIL', asks: 1 },
    {
      name: 'not below the first element',
      ask: 'www.example.com.svc.cluster.local',
      answers: {},
      is: 'NXDOMAIN',
      asks: 1,
    },
    { name: 'the first element itself', ask: LOCAL, answers: {}, is: 'NXDOMAIN', asks: 1 },
    {
      name: 'any case',
      ask: `WWW.example.com.NS.svc.cluster.LOCAL`,
      answers: { 'www.example.com.': '192.0.2.1' },
      is: `NOERROR aa rd
        ;; ANSWER
        WWW.example.com.NS.svc.cluster.LOCAL. 60 IN CNAME www.example.com.`,
      asks: 4,
    },
  ] as { name: string; ask?: string; type?: string; answers: Record<string, string>; is: string; asks: number }[]) {
    test(`${when}: ${name}`, async () => {
      const { ask: send, asked } = setUp({ answers, later })
      const found = await send(ask, { type }, true)
      assert.ok(found.startsWith(text`${is}`), found)
      assert.is(asked.length, asks, asked.join())
    })
  }
}

test('names of more than 255 octets are passed over', async () => {
  const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.${'w'.repeat(40)}`
  folder.write('long.conf', `search s ${'v'.repeat(40)}.example\n`)
  const { ask, asked } = setUp({ answers: { [`${long}.`]: '192.0.2.1' } }, `autopath ${folder.path}/long.conf`)
  assert.match(await ask(`${long}.s`, {}, true), /^NOERROR/)
  assert.equal(asked, [`${long}.s. A`, `${long}. A`])
})

const ASK: Record<string, Ask> = { A: { type: 'A' }, AAAA: { type: 'AAAA' } }
/** The first alias, or the rcode. */
const outcome = (found: string) => /CNAME \S+/.exec(found)?.[0] ?? /^\w+/.exec(found)![0]

for (const { name, first, second, a, aaaa } of [
  {
    name: 'the server denies the name for AAAA',
    first: { 'www.example.com.': '192.0.2.1', 'www.example.com. AAAA': 'NXDOMAIN' },
    a: 'CNAME www.example.com.',
    aaaa: 'CNAME www.example.com.',
  },
  {
    name: 'the second type fails where the first had an answer',
    first: { 'www.example.com.': '192.0.2.1', 'www.example.com. AAAA': 'SERVFAIL' },
    a: 'CNAME www.example.com.',
    aaaa: 'SERVFAIL',
  },
  {
    name: 'an earlier element comes into being between the two',
    first: { 'www.example.com.': '192.0.2.1' },
    second: { 'www.example.com.corp.example.': '192.0.2.2' },
    a: 'CNAME www.example.com.',
    aaaa: 'CNAME www.example.com.',
  },
  {
    name: 'the first type was left to the client',
    first: { 'www.example.com. A': 'SERVFAIL', 'www.example.com. AAAA': '192.0.2.1' },
    a: 'NXDOMAIN',
    aaaa: 'NXDOMAIN',
  },
] as { name: string; first: Record<string, string>; second?: Record<string, string>; a: string; aaaa: string }[]) {
  test(`A, then AAAA: ${name}`, async () => {
    const answers: Record<string, string> = { ...first }
    const { ask } = setUp({ answers })
    assert.is(outcome(await ask(`www.example.com.${LOCAL}`, ASK.A, true)), a)
    Object.assign(answers, second)
    assert.is(outcome(await ask(`www.example.com.${LOCAL}`, ASK.AAAA, true)), aaaa)
  })
}

test('A and AAAA at the same time: one decides, the other follows', async () => {
  const { ask, asked } = setUp({ answers: { 'www.example.com.': '192.0.2.1' }, later: true })
  const name = `www.example.com.${LOCAL}`
  const [a, aaaa] = await Promise.all([ask(name, ASK.A, true), ask(name, ASK.AAAA, true)])
  assert.is(outcome(a), 'CNAME www.example.com.')
  assert.is(outcome(aaaa), 'CNAME www.example.com.')
  assert.is(asked.filter(one => one.endsWith(' A')).length, 4)
  assert.is(asked.filter(one => one.endsWith(' AAAA')).length, 2)
})

test('the same type is decided anew each time', async () => {
  const answers: Record<string, string> = { 'www.example.com.': '192.0.2.1' }
  const { ask } = setUp({ answers })
  const name = `www.example.com.${LOCAL}`
  assert.match(await ask(name, ASK.A, true), /CNAME www\.example\.com\.$/m)
  answers['www.example.com.svc.cluster.local.'] = '10.0.0.1'
  assert.match(await ask(name, ASK.A, true), /CNAME www\.example\.com\.svc\.cluster\.local\.$/m)
})

test('a decision is not prolonged by those who follow it', async () => {
  const answers: Record<string, string> = { 'www.example.com.': '192.0.2.1' }
  const { ask } = setUp({ answers })
  const name = `www.example.com.${LOCAL}`
  await ask(name, ASK.A, true)
  await ask(name, ASK.AAAA, true)
  answers['www.example.com.svc.cluster.local.'] = '10.0.0.1'
  assert.match(await ask(name, ASK.A, true), /CNAME www\.example\.com\.svc\.cluster\.local\.$/m)
  assert.match(await ask(name, ASK.AAAA, true), /CNAME www\.example\.com\.svc\.cluster\.local\.$/m)
})

test('only names in its zones; a path without elements completes nothing', async () => {
  for (const body of [`autopath example.org ${folder.path}/resolv.conf`, `autopath ${folder.path}/empty.conf`]) {
    const { ask, asked } = setUp({ answers: { 'a.': '192.0.2.1' } }, body)
    assert.match(await ask(`a.${LOCAL}`), /^NXDOMAIN/)
    assert.is(asked.length, 1)
  }
})

test('completed names are counted', async () => {
  const { ask } = chainOf(
    [plugin],
    `autopath ${folder.path}/resolv.conf`,
    [backend({ answers: { 'a.': '192.0.2.1' } }, [])],
    '.',
    {
      servers: ['dns://:autopath'],
    },
  )
  await ask(`a.${LOCAL}`)
  await ask(`b.${LOCAL}`)
  const family = families.get('coredns_autopath_success_total')!
  assert.ok(JSON.stringify([...family.children]).includes('dns://:autopath'))
})

for (const { name, file, is } of [
  { name: 'search', file: 'search a.example b.example.', is: ['a.example.', 'b.example.'] },
  { name: 'the last line wins', file: 'search a\ndomain B.example\noptions ndots:5', is: ['b.example.'] },
  { name: 'what is no name', file: 'search a..b . c', is: ['c.'] },
  { name: 'a comment', file: '# search a\n; search b\nnameserver 192.0.2.1', is: [] },
]) {
  test(`resolv.conf: ${name}`, () =>
    assert.equal(
      searchIn(file).map(one => nameToText(one)),
      is,
    ))
}

for (const { body, at, says } of [
  { body: 'autopath', at: '2:1', says: 'missing argument' },
  { body: 'autopath /nowhere', at: '2:10', says: 'cannot read "/nowhere"' },
  { body: 'autopath @forward', at: '2:10', says: 'unknown plugin "@forward", expected @kubernetes' },
  { body: 'autopath a..b @kubernetes', at: '2:10', says: 'empty label' },
  { body: 'autopath @kubernetes {\nx\n}', at: '3:1', says: 'takes no block' },
  { body: 'autopath @kubernetes\nautopath @kubernetes', at: '3:1', says: 'used again' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

const pod = (name: string, ip: string, hostIP = '10.9.9.9') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'prod' },
  spec: { containers: [{ name: 'a' }] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], hostIP },
})

for (const { name, pods, body = 'pods verified', completes } of [
  { name: 'a pod', pods: [pod('a', '127.0.0.1')], completes: true },
  { name: 'two pods of one address', pods: [pod('a', '127.0.0.1'), pod('b', '127.0.0.1')], completes: false },
  { name: 'a pod of the host network', pods: [pod('a', '127.0.0.1', '127.0.0.1')], completes: false },
  { name: 'no pod', pods: [pod('a', '127.0.0.2')], completes: false },
  { name: 'pods insecure', pods: [pod('a', '127.0.0.1')], body: 'pods insecure', completes: false },
]) {
  test(`a whole server, the client is ${name}`, async () => {
    const manifests = temporaryFolder()
    manifests.write('pods.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: pods }))
    const upstream = await fakeUpstream(one => {
      const exists = one.name === 'www.example.' && one.type === 'A'
      if (exists) return answer(one, [`${one.name} 300 A 192.0.2.1`])
      return answer(one, [], { rcode: one.name === 'www.example.' ? 'NOERROR' : 'NXDOMAIN' })
    })
    const server = await startServer(`.:0 {
      bind 127.0.0.1
      autopath @kubernetes
      kubernetes cluster.local {
        manifests ${manifests.path}
        ${body}
      }
      cache
      forward . 127.0.0.1:${upstream.port}
    }`)
    try {
      for (let i = 0; i < 3; i++) {
        const a = await server.ask('www.example.prod.svc.cluster.local')
        const aaaa = await server.ask('www.example.prod.svc.cluster.local', { type: 'AAAA' })
        const cname = /^www\.example\.prod\.svc\.cluster\.local\. \d+ IN CNAME www\.example\.$/m
        assert.is(cname.test(a) && a.includes('\nwww.example. 300 IN A 192.0.2.1'), completes, a)
        assert.is(cname.test(aaaa) && aaaa.startsWith('NOERROR'), completes, aaaa)
        assert.is(a.startsWith('NXDOMAIN aa'), !completes)
      }
      assert.match(await server.ask('www.example.other.svc.cluster.local'), /^NXDOMAIN/)
      assert.match(await server.ask('none.prod.svc.cluster.local'), /^NXDOMAIN aa/)
    } finally {
      await server.stop()
      await upstream.close()
      manifests.remove()
    }
  })
}

test('what is said goes through a real message', async () => {
  const { send } = setUp({ answers: { 'a.': '192.0.2.1' } })
  const octets = await send(query(`a.${LOCAL}`, { edns: 1232, dnssecOk: true }))
  assert.match(replyText(octets), /CNAME a\.$/m)
})

test.run()
