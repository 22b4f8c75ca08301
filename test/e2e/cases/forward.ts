/**
 * Names outside the cluster: passed on to the node's name server, over the transport that was used.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { ask, dig } from '../ask.ts'
import { LONG_TEXT_BYTES } from '../upstream.ts'
import { world } from '../world.ts'

test('outside: a name is forwarded over UDP', async () => {
  const { client, upstream } = world()
  const reply = await dig(client, 'direct.example.test', 'A')
  deepEqual(
    reply.answer.map(rr => [rr.name, rr.data]),
    [['direct.example.test.', '198.51.100.2']],
  )
  ok(reply.answer[0]!.ttl <= 30, 'cache 30 limits the TTL')
  equal(reply.flags.includes('ra'), true)
  equal(reply.flags.includes('aa'), false)
  deepEqual(upstream.asked('direct.example.test'), { udp: 1, tcp: 0 })
})

test('outside: the second question is answered from the cache', async () => {
  const { client, upstream } = world()
  await dig(client, 'alias.example.test', 'A')
  const again = await dig(client, 'alias.example.test', 'A')
  deepEqual(
    again.answer.map(rr => rr.type),
    ['CNAME', 'A'],
  )
  deepEqual(upstream.asked('alias.example.test'), { udp: 1, tcp: 0 })
})

test('outside: found behind the search list', async () => {
  const reply = await dig(world().client, '+search', 'www.example.test', 'AAAA')
  deepEqual(
    reply.answer.map(rr => [rr.name, rr.data]),
    [['www.example.test.', '2001:db8::1']],
  )
})

test('outside: a truncated answer comes whole over TCP', async () => {
  const { client, upstream } = world()
  const cut = await dig(client, '+ignore', 'long.example.test', 'TXT')
  equal(cut.flags.includes('tc'), true)
  deepEqual(upstream.asked('long.example.test'), { udp: 1, tcp: 1 }, 'fetched whole at once')
  const whole = await dig(client, 'long.example.test', 'TXT')
  equal(whole.flags.includes('tc'), false)
  equal(whole.answer[0]!.data.split(' ').length, LONG_TEXT_BYTES / 250)
  deepEqual(upstream.asked('long.example.test'), { udp: 1, tcp: 1 }, 'and cached')
})

test('outside: NXDOMAIN is passed on with its SOA', async () => {
  const reply = await dig(world().client, 'nobody.example.test', 'A')
  equal(reply.rcode, 'NXDOMAIN')
  deepEqual(
    reply.authority.map(rr => [rr.name, rr.type]),
    [['test.', 'SOA']],
  )
})

test('outside: a public reverse name', async () => {
  const reply = await dig(world().client, '-x', '198.51.100.1')
  deepEqual(
    reply.answer.map(rr => rr.data),
    ['www.example.test.'],
  )
})

test('outside: a reverse name that the cluster does not know falls through', async () => {
  const { server } = world()
  deepEqual((await ask(server.ip, '9.9.9.10.in-addr.arpa', 'PTR')).data, ['leaked.example.test'])
})

test('outside: cluster names never leave', () => {
  const { upstream } = world()
  for (const name of ['nobody.default.svc.cluster.local', 'www.example.test.default.svc.cluster.local']) {
    deepEqual(upstream.asked(name), { udp: 0, tcp: 0 })
  }
})
