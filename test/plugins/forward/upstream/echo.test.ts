/** Loops that traffic shows, without the directive `loop`. */
import { equal, match, ok } from 'node:assert/strict'
import { test } from 'uvu'
import type { Exchange } from '../../../../plugins/forward/transport/exchange.ts'
import { Echoes, isEcho } from '../../../../plugins/forward/upstream/echo.ts'
import { spellAtRandom } from '../../../../plugins/forward/upstream/spelling.ts'
import { cells, families } from '../../../../server/metrics.ts'
import { readAsk } from '../../../cve/raw-reply.ts'
import { answer, type Script } from '../../../harness/fake-upstream.ts'
import { query } from '../../../harness/message.ts'
import { type Block, timed, upstreamOf, withBlock } from '../block.ts'

async function passes(condition: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 5000; !condition(); ) {
    ok(performance.now() < endMs, 'it did not happen in 5 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const good: Script = asked => answer(asked, [`${asked.name} 60 A 192.0.2.1`])

test('an echo is spelled as the query was, and that is no chance', () => {
  const exchangeFor = (name: string, mix: boolean) => {
    const message = Buffer.from(query(name))
    while (mix && message.toString('latin1', 12) === message.toString('latin1', 12).toLowerCase()) {
      spellAtRandom(message, 12, name.length + 1)
    }
    return { message } as unknown as Exchange
  }
  const spelledAs = ({ message }: Exchange) => {
    const q = readAsk('ignored.example')
    q.bytes = message
    q.start = 0
    for (let i = 12; i < message.length - 4; i++) q.qname[i - 12] = message.toString().toLowerCase().charCodeAt(i)
    q.qnameLength = message.length - 16
    return q
  }
  const mixed = exchangeFor('a-long-name.example', true)
  equal(isEcho(spelledAs(mixed), mixed), true)
  equal(isEcho(spelledAs(exchangeFor('a-long-name.example', false)), mixed), false)
  const lower = exchangeFor('a-long-name.example', false)
  equal(isEcho(spelledAs(lower), lower), false)
  const short = exchangeFor('a1.example', true)
  equal(isEcho(spelledAs(short), short), true)
  const tooShort = exchangeFor('a1.exam', true)
  equal(isEcho(spelledAs(tooShort), tooShort), false)
})

test('an upstream that sends queries back is asked no more after three, the other one serves; the process lives', async () => {
  let block: Block | undefined
  const looping: Script = asked => {
    block!.send(asked.octets, false, '127.0.0.1').catch(() => {})
    return undefined
  }
  await withBlock([looping, good], 'forward . %1 %2 {\npolicy sequential\nmax_fails 0\n}', async found => {
    block = found
    const names = Array.from({ length: 4 }, (_, i) => `name-number-${i}.example`)
    for (const reply of await Promise.all(names.map(name => found.ask(name)))) match(reply, /192\.0\.2\.1/)
    await passes(() => found.upstreams[0]!.asked.some(one => one.type === 'HINFO'))
    await new Promise(resolve => setTimeout(resolve, 50))
    const before = found.upstreams[0]!.asked.length
    const [reply, tookMs] = await timed(found.ask('after-that.example'))
    match(reply, /192\.0\.2\.1/)
    ok(tookMs < 150, `took ${tookMs} ms`)
    equal(found.upstreams[0]!.asked.length, before)
    const cell = families.get('sextant_loop_detected_total')!.children.get(found.upstreams[0]!.address)!.cell
    equal(cells[cell], 1)
  })
})

test('with nobody else: SERVFAIL at once, that says why', async () => {
  let block: Block | undefined
  const looping: Script = asked => {
    block!.send(asked.octets, false, '127.0.0.1').catch(() => {})
    return undefined
  }
  await withBlock([looping], 'forward . %1 {\nread_timeout 100ms\nmax_fails 0\n}', async found => {
    block = found
    for (let i = 0; i < 3; i++) match(await found.ask(`name-number-${i}.example`), /^SERVFAIL/)
    await passes(() => found.upstreams[0]!.asked.some(one => one.type === 'HINFO'))
    await new Promise(resolve => setTimeout(resolve, 50))
    const [reply, tookMs] = await timed(found.ask('after-that.example'))
    match(reply, /^SERVFAIL/)
    ok(tookMs < 50, `took ${tookMs} ms`)
  })
})

test('whoever sees the spelling, as those who serve the name do, can raise a suspicion and no more', async () => {
  let block: Block | undefined
  const watched: Script = asked => {
    if (asked.type !== 'A') return answer(asked, [], { rcode: 'NXDOMAIN' })
    block!.send(asked.octets, false, '192.0.2.66').catch(() => {})
    return [{ send: good(asked) as Uint8Array, afterMs: 20 }]
  }
  await withBlock([watched], 'forward . %1', async found => {
    block = found
    for (let i = 0; i < 12; i++) match(await found.ask(`name-number-${i}.example`), /192\.0\.2\.1/)
    await passes(() => found.upstreams[0]!.asked.some(one => one.type === 'HINFO'))
    for (let i = 0; i < 12; i++) match(await found.ask(`later-name-${i}.example`), /192\.0\.2\.1/)
    const asked = found.upstreams[0]!.asked.filter(one => one.type === 'HINFO')
    equal(asked.length, 1, 'one question in ten seconds')
    match(asked[0]!.name, /^[0-9a-f]{16}\.[0-9a-f]{16}\.$/)
  })
})

test('an upstream that loops no more is asked again; one that still does is not', async () => {
  let loops = true
  let chain: Block | undefined
  const script: Script = asked => {
    if (!loops) return good(asked)
    chain!.send(asked.octets, false, '127.0.0.1').catch(() => {})
    return undefined
  }
  await withBlock([script], 'forward . %1 {\nread_timeout 50ms\nmax_fails 0\n}', async block => {
    chain = block
    const upstream = upstreamOf(`forward . ${block.upstreams[0]!.address}`)
    const echoes = new Echoes(upstream, { pauseMs: 50, tokenMs: 50 })
    for (let i = 0; i < 3; i++) echoes.heard(Uint8Array.of(0), performance.now())
    await passes(() => upstream.disabled !== undefined)
    for (let i = 0; i < 10; i++) {
      match(upstream.disabled!, /^loop: 127\.0\.0\.1:\d+ sends queries back/)
      await new Promise(resolve => setTimeout(resolve, 40))
    }
    loops = false
    await passes(() => upstream.disabled === undefined)
    match(await block.ask('www.example'), /192\.0\.2\.1/)
    upstream.close()
  })
})

test('clients that ask the same at one time, in any spelling of their own, are no loop', async () => {
  const slow: Script = asked => [{ send: answer(asked, [`${asked.name} 60 A 192.0.2.1`]), afterMs: 20 }]
  await withBlock([slow], 'forward . %1', async ({ ask }) => {
    for (let i = 0; i < 20; i++) {
      const names = [`a-long-name-${i}.example`, `A-LONG-NAME-${i}.EXAMPLE`, `a-long-NAME-${i}.example`]
      for (const reply of await Promise.all(names.map(name => ask(name)))) match(reply, /192\.0\.2\.1/)
    }
  })
})

test.run()
