import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/log/log.ts'
import { setLogFormat } from '../../server/log.ts'
import { QUESTION, type Query, type Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { EDE, RCODE, TYPE } from '../../server/wire/codes.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { type Ask, query } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

/** Names decide what is answered: nx…, refused…, otherwise an address. */
const backend: Stage = {
  handle: (q: Query) => {
    if (q.qnameText.startsWith('nx')) return reply.negative(q, RCODE.NXDOMAIN, q.labelCount, new Uint8Array(22), 5)
    if (q.qnameText.startsWith('refused')) return reply.refused(q, EDE.OTHER)
    const a = q.answer.reset()
    a.authoritative = true
    a.answer.add(QUESTION, 0, TYPE.A, 5, Uint8Array.of(192, 0, 2, 1))
    return a
  },
  recursive: true,
}

async function logged(body: string, name: string, ask: Ask = {}, stream = false): Promise<string[]> {
  const { send } = chainOf([plugin], body, [backend])
  return capturedLog(() => send(query(name, ask), stream))
}

const realNow = performance.now
test.before(() => {
  let ms = 1000
  performance.now = () => (ms += 0.0835) // each look at the clock is 83.5 µs after the one before
})
test.after(() => {
  performance.now = realNow
})

for (const { name, body, ask = {}, stream = false, line } of [
  {
    name: 'the default format',
    body: 'log',
    line: '[INFO] 192.0.2.9:40000 - 19256 "A IN www.example.org. udp 33 false 512" NOERROR qr,aa,rd,ra 49 0.0000835s',
  },
  {
    name: 'the default format with EDNS',
    body: 'log .',
    ask: { type: 'AAAA', edns: 4096, dnssecOk: true, cd: true, rd: false },
    line: '[INFO] 192.0.2.9:40000 - 19256 "AAAA IN www.example.org. udp 44 true 4096" NOERROR qr,aa,ra,cd 60 0.0000835s',
  },
  {
    name: 'combined over TCP',
    body: 'log . "{combined}"',
    stream: true,
    line: '[INFO] 192.0.2.9:40000 - 19256 "A IN www.example.org. tcp 33 false 65535" NOERROR qr,aa,rd,ra 49 0.0000835s "0"',
  },
  {
    name: 'all the rest',
    body: 'log . "{local} {/metadata/x} {>unknown} {rcode} {type}{class}"',
    line: '[INFO] 127.0.0.1 - {>unknown} NOERROR AIN',
  },
]) {
  test(name, async () => {
    assert.equal(await logged(body, 'wWw.example.org', ask, stream), [line])
  })
}

test('JSON has the line and the fields', async () => {
  setLogFormat('json')
  try {
    const [line] = await logged('log . "hello {name}"', 'example.org', { type: 'MX', edns: 1232 })
    const { time, duration_seconds, ...rest } = JSON.parse(line!)
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000)
    assert.ok(duration_seconds > 0 && duration_seconds < 1)
    assert.equal(rest, {
      level: 'INFO',
      plugin: 'log',
      msg: 'hello example.org.',
      client_ip: '192.0.2.9',
      client_port: 40000,
      qname: 'example.org.',
      qtype: 'MX',
      qclass: 'IN',
      protocol: 'udp',
      id: 19256,
      opcode: 0,
      request_size: 40,
      dnssec_ok: false,
      bufsize: 1232,
      rcode: 'NOERROR',
      response_size: 56,
    })
  } finally {
    setLogFormat('text')
  }
})

for (const { name, body, yes, no } of [
  { name: 'names', body: 'log example.org example.net', yes: ['a.example.org', 'example.net'], no: ['example.com'] },
  { name: 'class denial', body: 'log {\nclass denial\n}', yes: ['nx.a'], no: ['a', 'refused.a'] },
  { name: 'class success', body: 'log {\nclass success\n}', yes: ['a'], no: ['nx.a', 'refused.a'] },
  { name: 'class error', body: 'log {\nclass error\n}', yes: ['refused.a'], no: ['a', 'nx.a'] },
  { name: 'several classes', body: 'log {\nclass denial error\n}', yes: ['nx.a', 'refused.a'], no: ['a'] },
  {
    name: 'the first rule for a name decides',
    body: 'log example.org {\nclass denial\n}\nlog .',
    yes: ['nx.example.org', 'nx.a', 'a'],
    no: ['a.example.org'],
  },
  { name: 'a single argument is a name', body: 'log example', yes: ['x.example'], no: ['x'] },
]) {
  test(name, async () => {
    for (const asked of yes) assert.is((await logged(body, asked)).length, 1, asked)
    for (const asked of no) assert.is((await logged(body, asked)).length, 0, asked)
  })
}

for (const { body, at, says } of [
  { body: 'log {\nclass some\n}', at: '3:7', says: 'unknown class "some", expected all, success, denial or error' },
  { body: 'log {\nclass\n}', at: '3:1', says: 'missing argument' },
  { body: 'log {\nclas all\n}', at: '3:1', says: 'did you mean' },
  { body: 'log .\nlog a..b "{name}"', at: '3:5', says: '' },
  { body: 'log "{name}"', at: '2:5', says: 'expected a domain name' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

test.run()
