/**
 * Service account tokens and CAs that expire and rotate, as kubelet puts them into a pod: files behind a symbolic link
 * that is swapped. What is known is answered throughout, and all is current 5 s after they are good again.
 */
import { rmSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NEXT, OLD, run } from './pod.ts'
import type { TroubleWorld } from './world.ts'

const test = suite('trouble: credentials')

const errors = ({ logged }: TroubleWorld) => logged.filter(line => !line.startsWith('info'))

test('token replaced before the old one expires: nobody notices', () =>
  run(async ({ world, volume, accept, refused }) => {
    for (const [round, token] of ['second', 'third', 'fourth'].entries()) {
      await world.pass(200_000)
      volume.swap({ token })
      world.server.refuse = () => undefined // both are good for a while
      await world.pass(70_000)
      accept(token)
      world.changeMeanwhile(round + 1)
      await world.converges(200, round + 1)
    }
    assert.is(refused(), 0)
    assert.equal(world.logged, [])
  }))

test('old token void, watches cut, the new one there at once', () =>
  run(async ({ world, volume, accept }) => {
    await world.pass(100_000)
    accept('new')
    volume.swap({ token: 'new' })
    world.server.cut()
    world.changeMeanwhile()
    await world.converges()
    assert.ok(errors(world).length <= 1, world.logged.join('\n'))
  }))

test('token expired for ten minutes: one line, last known answers, and current 5 s after a new one is there', () =>
  run(async ({ world, volume, accept, refused }) => {
    await world.pass(100_000)
    accept('new')
    await world.pass(600_000)
    assert.ok(refused() > 100)
    await world.untilAsked()
    volume.swap({ token: 'new' })
    world.changeMeanwhile()
    await world.converges()
    // The clock here may pass faster than a busy machine reads the token's file: then there is a word about that between.
    const told = new Set(errors(world).filter(line => !line.includes('no credentials after')))
    assert.is(told.size, 1, world.logged.join('\n'))
    assert.match(errors(world)[0]!, /^error the API server \S+ does not know us \(401\) when asked to watch/)
    assert.match(world.logged.at(-1)!, /^info the API server .* answers again$/)
  }))

test('files gone for five minutes: what they said goes on', () =>
  run(async ({ world, volume, accept }) => {
    await world.pass(100_000)
    rmSync(`${volume.folder}/..data`)
    world.changeMeanwhile()
    await world.converges(200)
    await world.pass(300_000)
    assert.equal(world.logged, [])
    accept('new')
    volume.swap({ token: 'new' })
    world.server.cut()
    world.changeMeanwhile(2)
    await world.converges(5_000, 2)
  }))

test('CA rotated as Kubernetes does it: both trusted, then another certificate, then the new one alone', () =>
  run(async ({ world, volume, restart }) => {
    await world.pass(100_000)
    volume.swap({ ca: OLD.ca + NEXT.ca })
    await world.pass(100_000)
    await restart(NEXT.tls)
    world.changeMeanwhile()
    await world.converges()
    volume.swap({ ca: NEXT.ca })
    await world.pass(100_000)
    world.changeMeanwhile(2)
    await world.converges(200, 2)
    assert.ok(errors(world).length <= 1, world.logged.join('\n'))
  }))

test('the API server has a new CA before we know it: one line, and current 5 s after we do', () =>
  run(async ({ world, volume, restart }) => {
    await world.pass(100_000)
    await restart(NEXT.tls)
    await world.pass(600_000)
    await world.pass(world.clock.nextMs)
    volume.swap({ ca: NEXT.ca })
    world.changeMeanwhile()
    await world.converges()
    assert.ok(errors(world).length <= 1, world.logged.join('\n'))
    assert.match(errors(world)[0]!, /certificate/)
  }))

test('a CA that is trusted no more: no connection from before and no TLS session goes on', () =>
  run(
    async ({ world, volume }) => {
      const { server } = world
      await world.pass(520_000) // a comparison left connections behind
      volume.swap({ ca: NEXT.ca })
      await world.pass(600_000) // watches that are open may go on for so long
      server.requests.length = 0
      await world.pass(120_000)
      assert.equal(server.requests.length, 0, 'who is not trusted was asked')
      assert.match(errors(world)[0]!, /certificate/)
      volume.swap({ ca: OLD.ca })
      world.changeMeanwhile()
      await world.converges()
    },
    { pages: true },
  ))

test.run()
