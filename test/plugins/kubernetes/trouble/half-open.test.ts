/**
 * Connections that stand and bring nothing any more: who was at the other end is gone without a word, or is stuck. At
 * every stage of a request, during watches and during lists, what happened meanwhile is known within 45 s.
 */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type FakeRequest, SERVICES } from '../../../harness/fake-api-server.ts'
import { OLD, run } from './pod.ts'
import { TroubleWorld } from './world.ts'

const test = suite('trouble: half-open')
const HALF_OPEN_MS = 45_000

const isWatch = ({ verb, isStreamingList }: FakeRequest) => verb === 'watch' && !isStreamingList

for (const { name, beforeMs } of [
  { name: 'right after the list', beforeMs: 0 },
  { name: 'after minutes', beforeMs: 200_000 },
]) {
  test(`watches go silent ${name}`, () =>
    TroubleWorld.run(async world => {
      await world.pass(beforeMs)
      world.server.deafen()
      world.changeMeanwhile()
      await world.converges(HALF_OPEN_MS)
      assert.equal(world.logged, [])
    }))
}

test('watches go silent and so do all connections that were kept for later', () =>
  TroubleWorld.run(
    async world => {
      const { server } = world
      // A comparison in pages leaves connections behind, which the next requests take.
      await world.pass(520_000)
      assert.ok(server.connections > 3, `found ${server.connections} connections`)
      const isDead = new Set(server.sockets)
      server.deafen()
      server.ignore = socket => isDead.has(socket)
      world.changeMeanwhile()
      await world.converges(HALF_OPEN_MS)
    },
    { pages: true },
  ))

test('a watch that is asked for is not answered', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    let held = 0
    await world.pass(60_000)
    server.hold = request => (isWatch(request) && held < 3 && ++held > 0 ? new Promise(() => {}) : undefined)
    server.cut()
    await world.until('asked', 5_000, () => held === 3)
    world.changeMeanwhile()
    await world.converges(HALF_OPEN_MS)
  }))

test('a watch that is accepted brings nothing, time and again, while what is asked anew is answered', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    server.bookmarks = false
    for (let round = 1; round <= 5; round++) {
      await world.pass(60_000)
      server.deafen()
      world.changeMeanwhile(round)
      await world.converges(HALF_OPEN_MS, round)
    }
  }))

for (const { name, streams } of [
  { name: 'a streaming list', streams: true },
  { name: 'a list in pages', streams: false },
]) {
  for (const stage of ['before its head', 'in its middle'] as const) {
    test(`${name} goes silent ${stage}`, () =>
      TroubleWorld.run(
        async world => {
          const { server } = world
          await world.pass(60_000)
          server.version++
          server.compact()
          let stuck = 0
          const isStuck = (request: FakeRequest) =>
            (streams ? request.isStreamingList : request.verb === 'list') && stuck < 3 && ++stuck > 0
          if (stage === 'before its head')
            server.hold = request => (isStuck(request) ? new Promise(() => {}) : undefined)
          else server.body = request => (isStuck(request) ? half(streams) : undefined)
          server.cut()
          await world.until('stuck', 10_000, () => stuck === 3)
          await world.isKnown()
          world.changeMeanwhile()
          await world.converges(HALF_OPEN_MS)
        },
        { pages: !streams },
      ))
  }
}

/** The beginning of a list, and then nothing. */
async function* half(streams: boolean): AsyncGenerator<Uint8Array> {
  const object = { metadata: { namespace: 'default', name: 'half', resourceVersion: '1' } }
  const text = streams
    ? `${JSON.stringify({ type: 'ADDED', object })}\n`
    : '{"kind":"ServiceList","items":[{"metadata":'
  yield Buffer.from(text)
  await new Promise(() => {})
}

/** Who takes connections at a port and says nothing. */
async function mute(port: number): Promise<{ server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer(socket => void sockets.push(socket.on('error', () => {})))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { server, sockets }
}

test('who takes the connection says nothing, then somebody does', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    await server.close()
    const { server: other, sockets } = await mute(server.port)
    await world.pass(60_000)
    await world.until('connected', 45_000, () => sockets.length > 3)
    other.close()
    world.server = await server.again()
    world.changeMeanwhile()
    await world.converges(HALF_OPEN_MS)
    for (const socket of sockets) socket.destroy()
  }))

test('who takes the connection never answers the TLS handshake, then somebody does', () =>
  run(async ({ world, restart }) => {
    await world.server.close()
    const { server: other, sockets } = await mute(world.server.port)
    await world.pass(60_000)
    const tried = sockets.length
    await world.until('connected', 15_000, () => sockets.length > tried)
    other.close()
    await restart(OLD.tls)
    world.changeMeanwhile()
    await world.converges(HALF_OPEN_MS)
    for (const socket of sockets) socket.destroy()
    assert.ok(tried >= 12 && tried <= 24, `found ${tried} connections in a minute`) // three at a time, 10 s each
    assert.ok(world.logged.length <= 2, world.logged.join('\n'))
  }))

test('a watch is never without a limit: silent from its first octet on for hours, it is renewed', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    server.bookmarks = false
    await world.pass(60_000)
    server.requests.length = 0
    for (let i = 0; i < 60; i++) {
      server.deafen()
      await world.pass(60_000)
    }
    const watches = server.requests.filter(request => request.path === SERVICES && isWatch(request)).length
    assert.ok(watches >= 60 && watches <= 120, `found ${watches} watches of services within an hour`)
    server.deafen()
    world.changeMeanwhile()
    await world.converges(HALF_OPEN_MS)
  }))

test.run()
