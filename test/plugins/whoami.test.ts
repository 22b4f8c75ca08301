import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/whoami/whoami.ts'
import { serve, takeQuery } from '../../server/serve.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { query, replyText, text } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

const ROOT = '..' // the root as a target, as replyText writes it

for (const { name, stream = false, proto, type = 'A' } of [
  { name: 'over UDP', proto: 'udp' },
  { name: 'over TCP', proto: 'tcp', stream: true, type: 'TXT' },
]) {
  test(`address and port of the client, ${name}`, async () => {
    const { ask } = chainOf([plugin], 'whoami')
    assert.is(
      await ask('www.example.org', { type }, stream),
      text`
      NOERROR aa rd
      ;; ADDITIONAL
      www.example.org. 0 IN A 192.0.2.9
      _${proto}.www.example.org. 0 IN SRV 0 0 40000 ${ROOT}
    `,
    )
  })
}

test('an IPv6 client, its zone left out', async () => {
  const { routes } = chainOf([plugin], 'whoami')
  const q = takeQuery()
  const message = query('a')
  q.bytes = new Uint8Array(1232)
  q.bytes.set(message)
  q.start = 0
  q.length = message.length
  q.capacity = q.bytes.length
  q.stream = false
  q.peer = { address: 'fe80::1%eth0', port: 1, family: 6, localAddress: '::1', keep: () => q.peer, send: () => {} }
  const octets = serve(routes, q)
  assert.match(replyText(q.bytes.slice(0, octets)), /^a\. 0 IN AAAA fe80::1$/m)
})

test('a client whose connection is gone before it is answered', async () => {
  const { send } = chainOf([plugin], 'whoami')
  assert.is(replyText(await send(query('a'), true, '')), 'NOERROR aa rd')
})

test('the root, and a name that leaves no room for the port', async () => {
  const { ask } = chainOf([plugin], 'whoami')
  assert.match(await ask('.'), /^_udp\. 0 IN SRV 0 0 40000/m)
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(60)}`
  assert.not.match(await ask(long), /SRV/)
})

for (const { body, at } of [
  { body: 'whoami me', at: '2:8' },
  { body: 'whoami {\n}', at: '2:1' },
  { body: 'whoami\nwhoami', at: '3:1' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
  })
}

test.run()
