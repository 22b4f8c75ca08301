/** `transfer`: who may have a zone, how it travels, and what bounds it. The stages that have zones are fakes, or manifests. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { encode } from 'dns-packet'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/transfer/transfer.ts'
import { type Answer, QUESTION, type Stage, type ZoneTransfer } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { RCODE, TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { framed } from '../harness/frames.ts'
import { query, readReply, recordText } from '../harness/message.ts'
import { run } from '../harness/process.ts'
import { type RunningServer, startServer, temporaryFolder } from '../harness/server.ts'
import { chainOf } from '../harness/stage.ts'

const SERIAL = 4_000_000_000
const NAMES = nameFromText('ns.example')
const soa = Uint8Array.from([...NAMES, ...NAMES, 0xee, 0x6b, 0x28, 0x00, ...new Array<number>(16).fill(1)])

interface Zone {
  /** Messages of a zone: how many records each has. */
  messages?: readonly number[]
  /** The message that cannot be composed. */
  broken?: number
  isCurrent?: boolean
  prepare?: () => Promise<void>
}

/** A stage with the zone "example", whose records are A records of it, and an end of the chain. */
function source({ messages = [2], broken = -1, isCurrent = true, prepare = async () => {} }: Zone = {}): Stage {
  const zone = (): ZoneTransfer => {
    let at = 0
    return {
      isCurrent,
      soa,
      soaTtl: 5,
      prepare,
      fill(a: Answer): boolean {
        if (at === broken) throw new Error('broken zone')
        for (let i = 0; i < messages[at]!; i++) a.answer.add(QUESTION, 0, TYPE.A, 5, Uint8Array.of(10, at, i >> 8, i))
        return ++at < messages.length
      },
    }
  }
  return {
    transfer: q => (q.qnameText === 'example.' ? zone() : undefined),
    handle: q => reply.empty(q, RCODE.NXDOMAIN),
  }
}

const OPEN = 'transfer {\nto *\n}'

/** A query with a SOA record of this serial in its authority section. */
function ixfr(serial: number | undefined, name = 'example'): Buffer {
  const data = { mname: 'a', rname: 'b', serial, refresh: 1, retry: 1, expire: 1, minimum: 1 }
  return encode({
    type: 'query',
    id: 7,
    questions: [{ name, type: 'IXFR', class: 'IN' }],
    authorities: serial === undefined ? [] : [{ name, type: 'SOA', class: 'IN', data }],
    // biome-ignore lint/suspicious/noExplicitAny: dns-packet's types know no IXFR
  } as any)
}

/** The types of all records, message by message. */
function typesOf(messages: readonly Uint8Array[]): string {
  return messages.map(message => (readReply(message).answers ?? []).map(({ type }) => type).join(' ')).join(' | ')
}

for (const { name, zone, is } of [
  { name: 'in one message', zone: {}, is: 'SOA A A SOA' },
  { name: 'in several', zone: { messages: [2, 1, 3] }, is: 'SOA A A | A | A A A SOA' },
  { name: 'an empty last one', zone: { messages: [1, 0] }, is: 'SOA A | SOA' },
  { name: 'nothing but the SOA', zone: { messages: [0] }, is: 'SOA SOA' },
]) {
  test(`a zone ${name}`, async () => {
    const { sendAll } = chainOf([plugin], OPEN, [source(zone)])
    const messages = await sendAll(query('Example', { type: 'AXFR', id: 99 }))
    assert.is(typesOf(messages), is)
    for (const message of messages) {
      const { id, rcode, flag_aa, questions } = readReply(message)
      assert.equal([id, rcode, flag_aa, questions?.[0]?.name], [99, 'NOERROR', true, 'Example'])
    }
  })
}

for (const { name, body = OPEN, message = query('example', { type: 'AXFR' }), stream = true, zone, is } of [
  { name: 'AXFR over UDP', stream: false, is: 'REFUSED' },
  { name: 'somebody else', body: 'transfer {\nto 192.0.2.8\n}', is: 'REFUSED' },
  {
    name: 'one of several',
    body: 'transfer {\nto 192.0.2.8 [2001:db8::1]:5353\nto 192.0.2.9:5353\n}',
    is: 'NOERROR SOA',
  },
  { name: 'a zone of no rule: the next plugin', body: 'transfer example.org {\nto *\n}', is: 'NXDOMAIN' },
  {
    name: 'the longest zone decides',
    body: 'transfer . {\nto *\n}\ntransfer example {\nto 192.0.2.8\n}',
    is: 'REFUSED',
  },
  { name: 'no apex', message: query('www.example', { type: 'AXFR' }), is: 'NOTAUTH' },
  { name: 'not known in full, or as it was once', zone: { isCurrent: false }, is: 'SERVFAIL' },
  { name: 'another type: the next plugin', message: query('example', { type: 'SOA' }), is: 'NXDOMAIN' },
  { name: 'IXFR of an older serial', message: ixfr(SERIAL - 1), is: 'NOERROR SOA A A SOA' },
  {
    name: 'IXFR of a serial before the turn',
    message: ixfr((SERIAL + 2 ** 31 + 5) % 2 ** 32),
    is: 'NOERROR SOA A A SOA',
  },
  { name: 'IXFR of serial 0', message: ixfr(SERIAL - 2 ** 31 + 1), is: 'NOERROR SOA A A SOA' },
  { name: 'IXFR of the same serial', message: ixfr(SERIAL), is: 'NOERROR SOA' },
  { name: 'IXFR of a newer serial', message: ixfr(SERIAL + 1), is: 'NOERROR SOA' },
  { name: 'IXFR over UDP', message: ixfr(SERIAL - 1), stream: false, is: 'NOERROR SOA' },
  { name: 'IXFR without a serial', message: ixfr(undefined), is: 'FORMERR' },
  { name: 'IXFR of somebody else', body: 'transfer {\nto 192.0.2.8\n}', message: ixfr(1), is: 'REFUSED' },
]) {
  test(name, async () => {
    const { send, sendAll } = chainOf([plugin], body, [source(zone)])
    const messages = stream ? await sendAll(message) : [await send(message)]
    const { rcode } = readReply(messages[0]!)
    assert.ok(`${rcode} ${typesOf(messages)}`.startsWith(is), `${rcode} ${typesOf(messages)}`)
    if (!is.endsWith('A SOA') && !is.includes('A A')) assert.is(messages.length, 1)
  })
}

test('a zone that breaks ends in an rcode, and costs no place', async () => {
  const { sendAll } = chainOf([plugin], OPEN, [source({ messages: [1, 1, 1], broken: 1 })])
  for (let i = 0; i < 12; i++) {
    let messages: Uint8Array[] = []
    await capturedLog(async () => {
      messages = await sendAll(query('example', { type: 'AXFR' }))
    })
    assert.equal(
      messages.map(message => readReply(message).rcode),
      ['NOERROR', 'SERVFAIL'],
    )
  }
})

test('ten at a time', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { sendAll } = chainOf([plugin], OPEN, [source({ prepare: () => promise })])
  const asked = Array.from({ length: 12 }, () => sendAll(query('example', { type: 'AXFR' })))
  setImmediate(resolve)
  const rcodes = (await Promise.all(asked)).map(([message]) => readReply(message!).rcode)
  assert.equal(rcodes, [...new Array(10).fill('NOERROR'), 'SERVFAIL', 'SERVFAIL'])
  assert.is(readReply((await sendAll(query('example', { type: 'AXFR' })))[0]!).rcode, 'NOERROR')
})

test('one line in the log tells of each', async () => {
  const { sendAll } = chainOf([plugin], OPEN, [source({ messages: [2, 3] })])
  const lines = await capturedLog(() => sendAll(query('example', { type: 'AXFR' })))
  assert.equal(lines, [
    `[INFO] plugin/transfer: outgoing transfer of 7 records of zone example. to 192.0.2.9, serial ${SERIAL}`,
  ])
})

test('and of one that breaks off', async () => {
  const { sendAll } = chainOf([plugin], OPEN, [source({ messages: [2, 3], broken: 1 })])
  const lines = await capturedLog(() => sendAll(query('example', { type: 'AXFR' })))
  const line = `outgoing transfer broken off after 3 records of zone example. to 192.0.2.9, serial ${SERIAL}`
  assert.ok(lines.includes(`[INFO] plugin/transfer: ${line}`), lines.join('\n'))
})

test('observers are told once, of all octets', async () => {
  const seen: number[] = []
  const observer: Stage = { observe: (_, __, octets) => seen.push(octets) }
  const { sendAll } = chainOf([plugin], OPEN, [source({ messages: [2, 3] }), observer])
  const messages = await sendAll(query('example', { type: 'AXFR' }))
  assert.equal(seen, [messages.reduce((sum, { length }) => sum + length, 0)])
})

for (const { body, at, says } of [
  { body: 'transfer', at: '2:1', says: 'no "to", expected' },
  { body: 'transfer {\nto\n}', at: '3:1', says: 'missing argument' },
  { body: 'transfer {\nto ns.example\n}', at: '3:4', says: 'invalid client "ns.example", expected an IP address' },
  { body: 'transfer {\nto :53\n}', at: '3:4', says: 'invalid client ":53"' },
  { body: 'transfer {\nto 10.0.0.0/8\n}', at: '3:4', says: 'invalid client "10.0.0.0/8"' },
  { body: 'transfer a..b {\nto *\n}', at: '2:10', says: 'empty label' },
  { body: 'transfer {\nto *\nsource here\n}', at: '4:8', says: 'invalid source address "here"' },
  { body: 'transfer {\nto *\nsource 10.0.0.1\nsource 10.0.0.1\n}', at: '5:1', says: 'stands in line 4 already' },
  { body: 'transfer {\nto *\nfrom 10.0.0.1\n}', at: '4:1', says: 'unknown property "from"' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

const SERVICES = 6000
const folder = temporaryFolder()
let server: RunningServer
test.before(async () => {
  const items = Array.from({ length: SERVICES }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service-${i}`, namespace: 'prod' },
    spec: { clusterIP: `10.96.${i >> 8}.${i & 255}`, ports: [{ name: 'http', protocol: 'TCP', port: 80 }] },
  }))
  folder.write('services.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  server = await startServer(`.:0 {
    bind 127.0.0.1
    prometheus 127.0.0.1:0
    transfer {
      to 127.0.0.1
    }
    kubernetes cluster.local {
      manifests ${folder.path}
    }
  }`)
})
test.after(async () => {
  await server.stop()
  folder.remove()
})

/** With its length before it. */
const message = (name: string) => framed(query(name, { type: 'AXFR' }))

test('over a socket, with another query on the same connection', async () => {
  const socket = connect(server.port, '127.0.0.1')
  const ask = query('service-7.prod.svc.cluster.local', { id: 5 })
  socket.write(Buffer.concat([message('cluster.local'), Buffer.of(0, ask.length), ask]))
  const replies: ReturnType<typeof readReply>[] = []
  let octets = Buffer.alloc(0)
  let soas = 0
  let others = 0
  while (soas < 2 || others === 0) {
    const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })
    octets = Buffer.concat([octets, chunk])
    while (octets.length >= 2 && octets.length >= 2 + octets.readUInt16BE()) {
      const reply = readReply(octets.subarray(2, 2 + octets.readUInt16BE()))
      octets = octets.subarray(2 + octets.readUInt16BE())
      if (reply.id === 5) others++
      else {
        replies.push(reply)
        soas += (reply.answers ?? []).filter(({ type }) => type === 'SOA').length
      }
    }
  }
  socket.destroy()
  const records = replies.flatMap(({ answers }) => (answers ?? []).map(recordText))
  assert.is(records.filter(record => record.includes(' A 10.96.')).length, SERVICES)
  assert.ok(replies.length > 5)
})

test('clients that go away cost no place', async () => {
  for (let i = 0; i < 12; i++) {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(message('cluster.local'))
    await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })
    socket.destroy()
  }
  const until = performance.now() + 10_000
  let rcode = ''
  while (rcode !== 'NOERROR' && performance.now() < until) {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(message('cluster.local'))
    const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer]
    socket.destroy()
    rcode = (chunk[5]! & 15) === 0 ? 'NOERROR' : 'other'
  }
  assert.is(rcode, 'NOERROR')
})

if (spawnSync('dig', ['-v']).error === undefined) {
  test('dig reads it', async () => {
    const words = ['@127.0.0.1', '-p', `${server.port}`, '+time=10', '+tries=1', 'cluster.local']
    const whole = await run('dig', [...words, 'AXFR'])
    assert.match(whole.stdout, /^;; XFR size: \d+ records \(messages \d+, bytes \d+\)$/m)
    assert.is(whole.stdout.match(/^service-\d+\.prod\.svc\.cluster\.local\.\s+5\s+IN\s+A\s/gm)?.length, SERVICES)
    assert.is(whole.stdout.match(/\sSOA\s/g)?.length, 2)
    const serial = /\sSOA\s+\S+\s+\S+\s+(\d+)/.exec(whole.stdout)![1]
    const none = await run('dig', [...words, '+tcp', `IXFR=${serial}`])
    assert.match(none.stdout, /^;; XFR size: 1 records/m)
  })
}

test.run()
