/** Questions for which more than one query is made: how many there are at most, and which reply is the answer. */
import { equal, match, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { type Asked, answer, closedPort, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { timed, withBlock } from './block.ts'

const good: Script = asked => answer(asked, [`${asked.name} 300 A 192.0.2.1`])

for (const { name, to, block } of [
  { name: 'a source address that nobody has', to: '%1', block: 'source_address 203.0.113.77' },
  { name: 'a closed port', to: 'closed', block: '' },
]) {
  test(`${name}, and more attempts than anybody needs: SERVFAIL at once`, async () => {
    const address = to === 'closed' ? `127.0.0.1:${await closedPort()}` : to
    const corefile = `forward . ${address} {\nmax_connect_attempts 1000000\n${block}\n}`
    await withBlock([good], corefile, async ({ ask, upstreams }) => {
      const [reply, tookMs] = await timed(ask('www.example'))
      equal(reply, 'SERVFAIL rd ra')
      ok(tookMs < 500, `took ${tookMs} ms`)
      equal(upstreams[0]!.asked.length, 0)
    })
  })
}

test('a second truncated reply does not end the wait for the whole one over TCP', () => {
  const truncating: Script = asked => {
    if (asked.transport === 'tcp') return [{ send: good(asked) as Uint8Array, afterMs: 300 }]
    return [{ send: answer(asked, [], { tc: true }), afterMs: asked.nth === 0 ? 850 : 150 }]
  }
  return withBlock([truncating], 'forward . %1', async ({ ask, upstreams }) => {
    match(await ask('www.example'), /192\.0\.2\.1/)
    equal(upstreams[0]!.asked.flatMap(one => (one.type === 'A' ? one.transport : [])).join(' '), 'udp udp tcp')
  })
})

test('an error without a question brings nothing of the reply that was read before it', async () => {
  const bare = (asked: Asked) => answer(asked, [], { rcode: 'FORMERR', question: 'none' })
  const first = await fakeUpstream(asked => {
    if (asked.type === 'NS' || asked.nth > 0) return undefined
    setTimeout(() => {
      first.volunteer(bare(asked), asked.port)
      setImmediate(() => first.close()) // without EDNS it is not there any more
    }, 900)
    return undefined
  })
  const second: Script = asked =>
    asked.name === 'other.example.' ? good(asked) : [{ send: bare(asked), afterMs: 1000 }]
  const block = 'policy sequential\nmax_connect_attempts 3'
  await withBlock([second], `forward . ${first.address} %1 {\n${block}\n}`, async ({ ask }) => {
    const reply = ask('www.example')
    await new Promise(resolve => setTimeout(resolve, 1400))
    match(await ask('other.example'), /192\.0\.2\.1/)
    equal(await reply, 'FORMERR rd ra')
  })
})

test.run()
