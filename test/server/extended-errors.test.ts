/**
 * Every way to a SERVFAIL, a REFUSED or a stale answer says why (RFC 8914), to those who can read it and to nobody else. Those of
 * `forward` and of what hangs on it are in test/plugins/forward/extended-errors.test.ts.
 */
import { globSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as autopath } from '../../plugins/autopath/autopath.ts'
import { plugin as chaos } from '../../plugins/chaos/chaos.ts'
import { plugin as hosts } from '../../plugins/hosts/hosts.ts'
import { KINDS } from '../../plugins/kubernetes/object/object.ts'
import { plugin as transfer } from '../../plugins/transfer/transfer.ts'
import { QUESTION, type Stage, type ZoneTransfer } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { LATER, lookup, serve, takeQuery } from '../../server/serve.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import type { Peer } from '../../server/wire/query.ts'
import { errorsOf, optOf, withOptions } from '../harness/edns.ts'
import { type Ask, query, readReply } from '../harness/message.ts'
import { temporaryFolder } from '../harness/server.ts'
import { type Chain, chainOf, wire } from '../harness/stage.ts'
import { clusterOf, externalName, namespace } from '../plugins/kubernetes/cluster.ts'
import { objects } from '../plugins/kubernetes/objects.ts'
import { indexOf, read, write } from '../plugins/kubernetes/snapshot/pictures.ts'

const root = `${import.meta.dirname}/../..`
const folder = temporaryFolder()
test.after(() => folder.remove())
const resolv = folder.write('resolv.conf', 'nameserver 192.0.2.1\nsearch one.test two.test\n')

/** How many calls make a failure, in each file of the server: one more needs a row in one of the two tables. */
const PLACES: Record<string, number> = {
  'plugins/autopath/autopath.ts': 1,
  'plugins/forward/flight.ts': 3,
  'plugins/forward/forwarder.ts': 4,
  'plugins/hosts/hosts.ts': 1,
  'plugins/kubernetes/handler.ts': 2,
  'plugins/loop/loop.ts': 1,
  'plugins/transfer/transfer.ts': 4,
  'server/chain.ts': 2,
  'server/serve.ts': 4,
}

type Asks = Pick<Chain, 'send'>

const stage = (handle: NonNullable<Stage['handle']>): Asks => wire([{ handle }])
const zone = (over: Partial<ZoneTransfer>): Stage => ({
  transfer: () => ({
    isCurrent: true,
    soa: new Uint8Array(22),
    soaTtl: 5,
    prepare: async () => {},
    fill: () => false,
    ...over,
  }),
})

/** A stage whose every name leads to the next, until the server stops. */
function endless(): Asks {
  return stage(q => {
    const inner = lookup(q, nameFromText('x.test'), TYPE.A)
    if (inner instanceof Promise) throw new Error('it waits')
    return inner.rcode === RCODE.SERVFAIL
      ? reply.servfail(q, inner.extendedError, inner.error, inner.extendedErrorText)
      : q.answer
  })
}

/** The second type of a name whose first was completed by `autopath`, and which fails now. */
function failingElement(): Asks {
  const stages: Stage = {
    handle(q) {
      if (q.qnameText === 'a.one.test.') return reply.empty(q, RCODE.NXDOMAIN)
      if (q.qtype === TYPE.AAAA) return reply.servfail(q, EDE.NETWORK_ERROR, undefined, 'down')
      const a = q.answer.reset()
      a.answer.add(QUESTION, 0, TYPE.A, 5, Uint8Array.of(192, 0, 2, 1))
      return a
    },
  }
  const chain = chainOf([autopath], `autopath ${resolv}`, [stages])
  return {
    async send(message, stream) {
      await chain.send(query('a.one.test', { edns: 1232 }))
      return chain.send(message, stream)
    },
  }
}

/** Ten zones on their way. */
function busyTransfers(): Asks {
  const chain = chainOf([transfer], 'transfer {\nto *\n}', [zone({ prepare: () => new Promise(() => {}) })])
  const begun: unknown[] = []
  for (let i = 0; i < 10; i++) begun.push(chain.sendAll(query('x.test', { type: 'AXFR', edns: 1232 })))
  return chain
}

/** A cluster that is known from a snapshot only. */
async function snapshot(): Promise<Asks> {
  const cluster = clusterOf({ unsynced: [...KINDS] })
  await read(await write(indexOf(objects)), cluster.index)
  return cluster
}

/** An ExternalName whose target is behind another stage, which fails or is stale. */
function external(handle: NonNullable<Stage['handle']>): Asks {
  return clusterOf({ objects: [namespace('a'), externalName('e.a', 'x.test')], behind: [{ handle }] })
}

interface Row {
  name: string
  from: Asks | Promise<Asks> | (() => Asks)
  ask?: string
  query?: Ask
  stream?: boolean
  rcode: string
  code: number
  text?: RegExp
}

const K = 'x.default.svc.cluster.local'
const throws = () => {
  throw new Error('secret')
}
const rows: Row[] = [
  { name: 'class HS', from: wire([]), query: { class: 'HS' }, rcode: 'REFUSED', code: 21, text: /class/ },
  { name: 'class CH without chaos', from: wire([]), query: { class: 'CH' }, rcode: 'REFUSED', code: 21, text: /class/ },
  {
    name: 'class CH, a name that chaos has not',
    from: chainOf([chaos], 'chaos'),
    query: { class: 'CH', type: 'TXT' },
    rcode: 'REFUSED',
    code: 21,
    text: /class/,
  },
  { name: 'no block', from: wire([], 'other.test'), rcode: 'REFUSED', code: 20, text: /no server block/ },
  { name: 'nobody in the chain', from: wire([]), rcode: 'REFUSED', code: 20, text: /no plugin/ },
  { name: 'a stage throws', from: stage(throws), rcode: 'SERVFAIL', code: 0, text: /^internal error$/ },
  { name: 'a stage rejects', from: stage(async () => throws()), rcode: 'SERVFAIL', code: 0, text: /^internal error$/ },
  { name: 'look-ups without end', from: endless(), rcode: 'SERVFAIL', code: 0, text: /too many names/ },
  {
    name: 'kubernetes, not synced',
    from: clusterOf({ unsynced: ['service'] }),
    ask: K,
    rcode: 'SERVFAIL',
    code: 14,
    text: /cluster/,
  },
  {
    name: 'kubernetes, AXFR',
    from: clusterOf(),
    ask: K,
    query: { type: 'AXFR' },
    rcode: 'REFUSED',
    code: 21,
    text: /transfer/,
  },
  {
    name: 'kubernetes, IXFR',
    from: clusterOf(),
    ask: K,
    query: { type: 'IXFR' },
    rcode: 'REFUSED',
    code: 21,
    text: /transfer/,
  },
  {
    name: 'kubernetes, from a snapshot',
    from: snapshot(),
    ask: 'dual.prod.svc.cluster.local',
    rcode: 'NOERROR',
    code: 3,
  },
  {
    name: 'kubernetes, an ExternalName whose target fails',
    from: external(q => reply.servfail(q, EDE.NETWORK_ERROR, undefined, 'down')),
    ask: 'e.a.svc.cluster.local',
    rcode: 'NOERROR',
    code: 23,
    text: /^down$/,
  },
  {
    name: 'kubernetes, an ExternalName whose target is stale',
    from: external(q => {
      const a = q.answer.reset()
      a.answer.add(QUESTION, 0, TYPE.A, 5, Uint8Array.of(192, 0, 2, 1))
      a.extendedError = EDE.STALE_ANSWER
      return a
    }),
    ask: 'e.a.svc.cluster.local',
    rcode: 'NOERROR',
    code: 3,
  },
  {
    name: 'hosts, the root',
    from: chainOf([hosts], 'hosts /dev/null'),
    rcode: 'SERVFAIL',
    code: 20,
    text: /hosts file/,
  },
  {
    name: 'transfer, to somebody else',
    from: chainOf([transfer], 'transfer {\nto 192.0.2.8\n}', [zone({})]),
    query: { type: 'AXFR' },
    stream: true,
    rcode: 'REFUSED',
    code: 18,
    text: /client/,
  },
  {
    name: 'transfer, over UDP',
    from: chainOf([transfer], 'transfer {\nto *\n}', [zone({})]),
    query: { type: 'AXFR' },
    rcode: 'REFUSED',
    code: 21,
    text: /TCP/,
  },
  {
    name: 'transfer, not current',
    from: chainOf([transfer], 'transfer {\nto *\n}', [zone({ isCurrent: false })]),
    query: { type: 'AXFR' },
    stream: true,
    rcode: 'SERVFAIL',
    code: 14,
    text: /current/,
  },
  {
    name: 'transfer, broken in the middle',
    from: chainOf([transfer], 'transfer {\nto *\n}', [zone({ fill: throws })]),
    query: { type: 'AXFR' },
    stream: true,
    rcode: 'SERVFAIL',
    code: 0,
    text: /^internal error$/,
  },
  {
    name: 'autopath, an element that fails',
    from: failingElement(),
    ask: 'a.one.test',
    query: { type: 'AAAA' },
    rcode: 'SERVFAIL',
    code: 23,
    text: /^down$/,
  },
  {
    name: 'transfer, too many',
    from: busyTransfers,
    query: { type: 'AXFR' },
    stream: true,
    rcode: 'SERVFAIL',
    code: 0,
    text: /too many zone transfers/,
  },
]

for (const { name, from, ask = 'x.test', query: how = {}, stream, rcode, code, text = /^$/ } of rows) {
  test(name, async () => {
    const { send } = await (typeof from === 'function' ? from() : from)
    for (const isStream of stream === undefined ? [false, true] : [stream]) {
      if (isStream && name === 'transfer, over UDP') continue
      const answer = await send(query(ask, { ...how, edns: 1232 }), isStream)
      assert.is(readReply(answer).rcode, rcode)
      const errors = errorsOf(answer)
      assert.equal(
        errors.map(error => error.code),
        [code],
      )
      assert.match(errors[0]!.text, text)
      assert.match(errors[0]!.text, /^[ -~]{0,64}$/)
      assert.is(optOf(await send(query(ask, how), isStream)), undefined, 'no OPT without one')
    }
  })
}

test('more queries wait than may', async () => {
  const { routes } = wire([{ handle: () => new Promise(() => {}) }])
  const sent: Uint8Array[] = []
  const peer: Peer = {
    address: '192.0.2.9',
    port: 40_000,
    family: 4,
    localAddress: '127.0.0.1',
    keep: () => peer,
    send: (bytes, at, length) => void sent.push(bytes.slice(at, at + length)),
  }
  const message = query('x.test', { edns: 1232 })
  const q = takeQuery()
  for (let i = 0; i < 70_000 && sent.length === 0; i++) {
    const bytes = new Uint8Array(1232)
    bytes.set(message)
    Object.assign(q, { bytes, start: 0, length: message.length, capacity: 1232, stream: false, peer })
    assert.is(serve(routes, q), LATER)
  }
  assert.is(readReply(sent[0]!).rcode, 'SERVFAIL')
  assert.equal(errorsOf(sent[0]!), [{ code: 0, text: 'too many queries wait' }])
})

test('where there is no room for the text, the code is there', async () => {
  const long = stage(q => reply.refused(q, EDE.PROHIBITED, 'x'.repeat(600)))
  const datagram = await long.send(withOptions(query('x.test'), [], 512))
  assert.equal(errorsOf(datagram), [{ code: 18, text: '' }])
  assert.equal(errorsOf(await long.send(withOptions(query('x.test'), [], 512), true)), [
    { code: 18, text: 'x'.repeat(600) },
  ])
})

test('no failure is made anywhere else', () => {
  const found: Record<string, number> = {}
  for (const file of globSync('{server,plugins}/**/*.ts', { cwd: root })) {
    const text = readFileSync(`${root}/${file}`, 'utf8')
    const calls = text.match(/\breply\.(?:refused|servfail)\(/g)?.length ?? 0
    if (calls > 0) found[file] = calls
    if (file !== 'server/reply.ts') assert.not.match(text, /rcode = RCODE\.(?:SERVFAIL|REFUSED)\b/, file)
  }
  assert.equal(found, PLACES)
})

test.run()
