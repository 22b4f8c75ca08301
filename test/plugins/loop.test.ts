/** `loop`: upstreams that send our queries back are left alone, and only they. */
import { equal, match, ok, throws } from 'node:assert/strict'
import { test } from 'uvu'
import { plugin as forward } from '../../plugins/forward/forward.ts'
import { Loop, plugin as loop } from '../../plugins/loop/loop.ts'
import { cells, counter } from '../../server/metrics.ts'
import type { Plugin } from '../../server/plugin.ts'
import { type Asked, answer, type FakeUpstream, fakeUpstream, type Script } from '../harness/fake-upstream.ts'
import { query, text } from '../harness/message.ts'
import { type Chain, chainOf } from '../harness/stage.ts'

const FAST = { firstMs: 20, tries: 3, watchMs: 50, loopingMs: 50, quietMs: 30 }
const quick: Plugin = { name: 'loop', setup: (_directive, site) => new Loop(site, FAST) }
const GOOD = text`
  NOERROR rd ra
  ;; ANSWER
  www.example. 300 IN A 192.0.2.1`

const plain: Script = asked =>
  asked.type === 'A' ? answer(asked, [`${asked.name} 300 A 192.0.2.1`]) : answer(asked, [], { rcode: 'NXDOMAIN' })

/** Polls until the condition holds; at most 5 s. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 5000; performance.now() < endMs; await new Promise(r => setTimeout(r, 10))) {
    if (await condition()) return
  }
  throw new Error(`${what}: not within 5 s`)
}

interface World extends Chain {
  up: FakeUpstream[]
  /** Upstream 1 sends what it is asked back to us while this is true. */
  loops: { active: boolean }
}

async function withLoop(
  upstreams: number,
  zone: string,
  from: string,
  run: (world: World) => Promise<void>,
): Promise<void> {
  const loops = { active: true }
  const world = { loops } as World
  const looping: Script = (asked: Asked) => {
    if (loops.active && world.send) void world.send(query(asked.name.replace(/\.$/, ''), { type: asked.type }))
    return plain(asked)
  }
  world.up = await Promise.all(Array.from({ length: upstreams }, (_, i) => fakeUpstream(i === 0 ? looping : plain)))
  const to = world.up.map(one => one.address).join(' ')
  Object.assign(world, chainOf([quick, forward], `loop\nforward ${from} ${to} {\npolicy sequential\n}`, [], zone))
  const awake = setInterval(() => {}, 1 << 30)
  try {
    for (const stage of world.stages) await stage.start?.(undefined)
    for (const stage of world.stages) stage.serving?.()
    await run(world)
  } finally {
    clearInterval(awake)
    for (const stage of world.stages) await stage.stop?.()
    for (const one of world.up) await one.close()
  }
}

const found = counter('sextant_loop_detected_total', 'Loops found, by the upstream that sends queries back.', 'to')
const isDisabled = (world: World, i: number) => {
  const stage = world.stages[1] as unknown as { upstreams(): { disabled: string | undefined }[] }
  return stage.upstreams()[i]!.disabled !== undefined
}

test('the upstream that loops is disabled, the other one serves; when the loop ends it is asked again', () =>
  withLoop(2, '.', '.', async world => {
    await until('disabled', () => isDisabled(world, 0))
    ok(!isDisabled(world, 1))
    equal(cells[found(world.up[0]!.address)], 1)
    equal(await world.ask('www.example'), GOOD)
    equal(world.up[1]!.asked.filter(one => one.type === 'A').length, 1)
    equal(world.up[0]!.asked.filter(one => one.type === 'A').length, 0)
    world.loops.active = false
    await until('enabled', () => !isDisabled(world, 0))
    equal(await world.ask('www.example'), GOOD)
    equal(world.up[0]!.asked.filter(one => one.type === 'A').length, 1)
    world.loops.active = true
    await until('a loop that begins later', () => isDisabled(world, 0))
    equal(cells[found(world.up[0]!.address)], 2)
  }))

test('all upstreams loop: SERVFAIL, and the process lives', () =>
  withLoop(1, '.', '.', async world => {
    await until('disabled', () => isDisabled(world, 0))
    equal(await world.ask('www.example'), 'SERVFAIL rd ra')
  }))

test('the question: HINFO, two labels of 64 random bits, below FROM; never the same twice', () =>
  withLoop(2, '.', 'corp.example', async world => {
    await until('three questions', () => world.up[1]!.asked.length >= 3)
    const names = world.up[1]!.asked.map(one => `${one.type} ${one.name}`)
    for (const name of names) match(name, /^HINFO [0-9a-f]{16}\.[0-9a-f]{16}\.corp\.example\.$/)
    equal(new Set(names).size, names.length)
  }))

test('a guess changes nothing', () =>
  withLoop(1, 'example', '.', async world => {
    world.loops.active = false
    await until('asked', () => world.up[0]!.asked.length > 0)
    for (const name of ['0123456789abcdef.0123456789abcdef.example', 'a.b.example', 'example']) {
      equal(await world.ask(name, { type: 'HINFO' }), 'NXDOMAIN rd ra')
    }
    const seen = world.up[0]!.asked[0]!.name
    equal(await world.ask(`x${seen.slice(1, -1)}`, { type: 'HINFO' }), 'NXDOMAIN rd ra')
    ok(!isDisabled(world, 0))
  }))

test('a reload keeps what is known', async () => {
  await withLoop(1, '.', '.', async world => {
    await until('disabled', () => isDisabled(world, 0))
    const again = chainOf([{ ...quick }, forward], `loop\nforward . ${world.up[0]!.address}`)
    again.stages.forEach((stage, i) => void stage.start?.(world.stages[i]))
    for (const stage of again.stages) stage.serving?.()
    equal(await again.ask('www.example'), 'SERVFAIL rd ra')
    for (const stage of again.stages) await stage.stop?.()
  })
})

for (const { name, corefile, error } of [
  { name: 'an argument', corefile: 'loop now', error: /Corefile:2:6: loop: surplus argument "now"/ },
  { name: 'a block', corefile: 'loop {\n  x\n}', error: /Corefile:3:3: loop: "loop" takes no block/ },
  { name: 'twice', corefile: 'loop\nloop', error: /Corefile:3:1: loop: used again/ },
]) {
  test(`setup: ${name}`, () => {
    throws(
      () => chainOf([loop], corefile),
      (thrown: Error & { file?: string; line?: number; column?: number; directive?: string }) => {
        match(`${thrown.file}:${thrown.line}:${thrown.column}: ${thrown.directive}: ${thrown.message}`, error)
        return true
      },
    )
  })
}

test('without forward it does nothing', async () => {
  const chain = chainOf([loop], 'loop')
  for (const stage of chain.stages) stage.serving?.()
  equal(await chain.ask('www.example', { type: 'HINFO' }), 'REFUSED rd')
  for (const stage of chain.stages) await stage.stop?.()
})

test.run()
