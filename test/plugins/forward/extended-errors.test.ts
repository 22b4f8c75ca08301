/** Every way to a SERVFAIL, a REFUSED or a stale answer in `forward`, `loop` and `cache` says why (RFC 8914). */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as forward } from '../../../plugins/forward/forward.ts'
import { Loop } from '../../../plugins/loop/loop.ts'
import type { Plugin, Query, Stage } from '../../../server/plugin.ts'
import { errorsOf, type Option, optOf, withOptions } from '../../harness/edns.ts'
import { type Asked, answer, closedPort, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { type Ask, query, readReply } from '../../harness/message.ts'
import { chainOf } from '../../harness/stage.ts'
import { type Block, withBlock } from './block.ts'

const EDE = 15
const says: Script = asked => answer(asked, [`${asked.name} 1 A 192.0.2.1`])
const silent: Script = () => undefined
const error = (code: number, text = 'of 10.0.0.1'): Option => [
  EDE,
  Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(text)]),
]
const fails =
  (rcode: string, ...errors: Option[]): Script =>
  asked =>
    withOptions(answer(asked, [], { rcode }), errors)
const denies =
  (...errors: Option[]): Script =>
  asked =>
    withOptions(answer(asked, [], { rcode: 'NXDOMAIN', authority: ['. 1 SOA a. b. 1 2 3 4 1'] }), errors)
/** An rcode that has its upper bits in the OPT. */
const extended: Script = asked => {
  const octets = answer(asked, [])
  const whole = withOptions(octets, [])
  whole[octets.length + 5] = 1 // BADVERS and above: 16 + 7
  whole[3]! |= 7
  return whole
}

interface Row {
  name: string
  script: Script
  body?: string
  ask?: Ask
  stream?: boolean
  /** Seconds of TTL that pass before the question is asked again. */
  again?: number
  rcode: string
  code?: number
  text?: RegExp
}

const CACHE = 'cache\nforward . %1'
const rows: Row[] = [
  { name: 'AXFR', script: says, ask: { type: 'AXFR' }, rcode: 'REFUSED', code: 21, text: /zone transfers/ },
  { name: 'IXFR', script: says, ask: { type: 'IXFR' }, rcode: 'REFUSED', code: 21, text: /zone transfers/ },
  {
    name: 'silence',
    script: silent,
    body: 'forward . %1 {\nread_timeout 30ms\n}',
    rcode: 'SERVFAIL',
    code: 22,
    text: /no upstream answered/,
  },
  { name: 'SERVFAIL without a reason', script: fails('SERVFAIL'), rcode: 'SERVFAIL', code: 0, text: /upstream says/ },
  { name: 'REFUSED without a reason', script: fails('REFUSED'), rcode: 'REFUSED', code: 0, text: /upstream says/ },
  { name: 'SERVFAIL and why: the code, not the text', script: fails('SERVFAIL', error(6)), rcode: 'SERVFAIL', code: 6 },
  { name: 'REFUSED and why', script: fails('REFUSED', error(18)), rcode: 'REFUSED', code: 18 },
  {
    name: 'several reasons: the first',
    script: fails('SERVFAIL', [10, Buffer.alloc(8)], error(9), error(9), error(7)),
    rcode: 'SERVFAIL',
    code: 9,
  },
  { name: 'a denial and why', script: denies(error(15)), rcode: 'NXDOMAIN', code: 15 },
  { name: 'a denial', script: denies(), rcode: 'NXDOMAIN' },
  {
    name: 'a reason without a code is none',
    script: fails('SERVFAIL', [EDE, Buffer.of(6)]),
    rcode: 'SERVFAIL',
    code: 0,
    text: /upstream says/,
  },
  { name: 'an rcode beyond 15', script: extended, rcode: 'SERVFAIL', code: 0, text: /rcode 23/ },
  {
    name: 'truncated over TCP',
    script: asked => answer(asked, [], { tc: true }),
    stream: true,
    rcode: 'SERVFAIL',
    code: 0,
    text: /no whole answer/,
  },
  {
    name: 'a failure from the cache',
    script: fails('SERVFAIL', error(6)),
    body: CACHE,
    again: 0,
    rcode: 'SERVFAIL',
    code: 13,
  },
  { name: 'a denial from the cache', script: denies(error(15)), body: CACHE, again: 0, rcode: 'NXDOMAIN', code: 15 },
]

for (const { name, script, body = 'forward . %1', ask = {}, stream, again, rcode, code, text = /^$/ } of rows) {
  test(name, () =>
    withBlock([script], body, async ({ send }) => {
      for (const isStream of stream === undefined ? [false, true] : [stream]) {
        if (again !== undefined) await send(query('www.example', { ...ask, edns: 1232 }), isStream)
        const reply = await send(query('www.example', { ...ask, edns: 1232 }), isStream)
        assert.is(readReply(reply).rcode, rcode)
        const errors = errorsOf(reply)
        assert.equal(
          errors.map(one => one.code),
          code === undefined ? [] : [code],
        )
        if (code !== undefined) assert.match(errors[0]!.text, text)
        assert.is(optOf(await send(query('www.example', ask), isStream)), undefined, 'no OPT without one')
      }
    }),
  )
}

/** A failure: its rcode, the code of its error, and the error's text. */
async function failure(send: Block['send'], from?: string): Promise<string> {
  const reply = await send(query('www.example', { edns: 1232 }), false, from)
  return [readReply(reply).rcode, ...errorsOf(reply).map(({ code, text }) => `${code} ${text}`)].join(' ')
}

test('nobody can be reached', async () => {
  const chain = chainOf([forward], `forward . 127.0.0.1:${await closedPort()}`)
  for (const stage of chain.stages) await stage.start?.(undefined)
  const awake = setInterval(() => {}, 1 << 30)
  try {
    assert.is(await failure(chain.send), 'SERVFAIL 23 no upstream could be reached')
  } finally {
    clearInterval(awake)
    for (const stage of chain.stages) await stage.stop?.()
  }
})

test('all upstreams are disabled', () =>
  withBlock([says], 'forward . %1', async ({ send, stages, upstreams }) => {
    const forwarding = stages[0] as unknown as { disable(address: string, from: Uint8Array, reason: string): boolean }
    assert.ok(forwarding.disable(upstreams[0]!.address, Uint8Array.of(0), 'it loops'))
    assert.is(await failure(send), 'SERVFAIL 22 no upstream is in use')
  }))

test('more queries than may wait for upstreams', () =>
  withBlock(
    [asked => ({ send: says(asked) as Uint8Array, afterMs: 100 })],
    'forward . %1 {\nmax_concurrent 1\n}',
    async ({ send }) => {
      const first = failure(send)
      assert.is(await failure(send, '192.0.2.10'), 'REFUSED 0 too many queries wait for upstreams')
      assert.is(await first, 'NOERROR')
    },
  ))

test('one that joined late has no time left', async () => {
  const LATE = '192.0.2.77'
  const aged: Plugin = {
    name: 'debug',
    setup: () => ({
      handle(q: Query, next: NonNullable<Parameters<NonNullable<Stage['handle']>>[1]>) {
        if (q.peer.address === LATE) q.receivedAtMs -= 4450
        return next(q)
      },
    }),
  }
  const upstream = await fakeUpstream(asked => ({ send: says(asked) as Uint8Array, afterMs: 600 }))
  const chain = chainOf([aged, forward], `debug\nforward . ${upstream.address}`)
  for (const stage of chain.stages) await stage.start?.(undefined)
  const awake = setInterval(() => {}, 1 << 30)
  try {
    const first = failure(chain.send)
    assert.is(await failure(chain.send, LATE), 'SERVFAIL 22 no upstream answered in time')
    assert.is(await first, 'NOERROR')
  } finally {
    clearInterval(awake)
    for (const stage of chain.stages) await stage.stop?.()
    await upstream.close()
  }
})

for (const { name, plugins, body } of [
  { name: 'forward', plugins: [forward], body: '' },
  {
    name: 'loop',
    plugins: [
      {
        name: 'loop',
        setup: (_, site) => new Loop(site, { firstMs: 20, tries: 3, watchMs: 50, loopingMs: 50, quietMs: 30 }),
      } satisfies Plugin,
      forward,
    ],
    body: 'loop\n',
  },
]) {
  test(`a query of ours that comes back, as ${name} notices`, async () => {
    const returned = Promise.withResolvers<Uint8Array>()
    let chain: ReturnType<typeof chainOf> | undefined
    const back = async (asked: Asked) => {
      const octets = asked.edns === undefined ? withOptions(asked.octets, []) : asked.octets
      const reply = await chain?.send(octets)
      if (asked.type === 'HINFO' && reply !== undefined) returned.resolve(reply)
    }
    const upstream = await fakeUpstream(asked => {
      void back(asked)
      return says({ ...asked, type: 'A' })
    })
    chain = chainOf(plugins, `${body}forward . ${upstream.address}`)
    const awake = setInterval(() => {}, 1 << 30)
    try {
      for (const stage of chain.stages) await stage.start?.(undefined)
      for (const stage of chain.stages) stage.serving?.()
      for (let i = 0; i < 5; i++) await chain.send(query(`some-long-name-${i}.example`, { edns: 1232 }))
      const reply = await returned.promise
      assert.is(readReply(reply).rcode, 'REFUSED')
      assert.equal(errorsOf(reply), [{ code: 18, text: 'forwarding loop' }])
    } finally {
      clearInterval(awake)
      for (const stage of chain.stages) await stage.stop?.()
      await upstream.close()
    }
  })
}

test.run()
