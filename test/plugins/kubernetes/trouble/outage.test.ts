/**
 * The API server is not there: at the start, for a moment, for ten minutes. What clients see meanwhile, and how long after
 * it is well again all is current.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EDE } from '../../../../server/wire/codes.ts'
import { SERVICES } from '../../../harness/fake-api-server.ts'
import { query, readReply } from '../../../harness/message.ts'
import { service } from '../cluster.ts'
import { TroubleWorld } from './world.ts'

const test = suite('trouble: outage')
const TEN_MINUTES_MS = 600_000

/** Every name of the cluster zones, and reverse names of addresses that may be the cluster's. */
const WITHHELD = [
  'web.default.svc.cluster.local',
  'nobody.default.svc.cluster.local',
  '10-1-1-1.default.pod.cluster.local',
  'nowhere.cluster.local',
  '10.0.96.10.in-addr.arpa',
  '1.0.168.192.in-addr.arpa',
  '1.0.16.172.in-addr.arpa',
  '1.0.64.100.in-addr.arpa',
  '10.20.254.169.in-addr.arpa',
  `1.${'0.'.repeat(29)}d.f.ip6.arpa`,
  `1.${'0.'.repeat(28)}8.e.f.ip6.arpa`,
]
const FOREIGN = ['www.example.org', '8.8.8.8.in-addr.arpa', `1.${'0.'.repeat(27)}1.0.0.2.ip6.arpa`]

/** Takes the API server away; the result brings it back, with all it had. */
async function away(world: TroubleWorld): Promise<() => Promise<void>> {
  const { server } = world
  await server.close()
  return async () => {
    world.server = await server.again()
  }
}

test('down at start: SERVFAIL with a reason within startup_timeout, the rest is answered elsewhere, heals by itself', () =>
  TroubleWorld.run(
    async world => {
      const back = await away(world)
      const startedAtMs = performance.now()
      await world.start()
      const tookMs = performance.now() - startedAtMs
      assert.ok(tookMs < 5_000, `startup_timeout is 200 ms, it took ${tookMs} ms`)
      for (const name of WITHHELD) {
        const reply = readReply(await world.send(query(name, { type: 'PTR', edns: 1232 })))
        const options = reply.additionals!.flatMap(record => ('options' in record ? record.options : [])) as {
          data: Buffer
        }[]
        const codes = options.map(({ data }) => data.readUInt16BE())
        assert.equal([reply.rcode, codes], ['SERVFAIL', [EDE.NOT_READY]], name)
      }
      for (const name of FOREIGN) assert.match(await world.ask(name, 'PTR'), /^(YXDOMAIN|REFUSED)/, name)
      assert.is(world.stage.ready(), false)
      assert.is(
        world.stage.condition(),
        'cluster.local: namespaces never synced, services never synced, endpointslices never synced',
      )
      await world.pass(TEN_MINUTES_MS, false)
      await back()
      await world.until('ready', 5_000, () => world.stage.ready())
      await world.isKnown()
      const levels = world.logged.map(line => line.split(' ')[0])
      assert.equal(levels, ['warn', 'info'], world.logged.join('\n'))
    },
    { start: false, body: 'startup_timeout 200ms' },
  ))

for (const [what, awayMs] of [
  ['restart', 2_000],
  ['ten minutes', TEN_MINUTES_MS],
] as const) {
  test(`away: ${what}`, () =>
    TroubleWorld.run(async world => {
      const back = await away(world)
      await world.pass(awayMs)
      // The worst moment: it is back right after it was asked in vain.
      await world.pass(world.clock.nextMs)
      await back()
      world.changeMeanwhile()
      await world.converges()
    }))
}

test('away for ten minutes, and what happened meanwhile is compacted: a list, at once', () =>
  TroubleWorld.run(async world => {
    const back = await away(world)
    await world.pass(TEN_MINUTES_MS)
    await back()
    world.changeMeanwhile()
    world.server.version += 1000
    world.server.compact()
    await world.converges()
  }))

test('two hours of restarts, every ten minutes', () =>
  TroubleWorld.run(async world => {
    for (let round = 1; round <= 12; round++) {
      const back = await away(world)
      await world.pass(4_000)
      await back()
      world.changeMeanwhile(round)
      await world.converges(5_000, round)
      await world.pass(591_000)
    }
    const troubles = world.logged.filter(line => !/answers again|no answer from/.test(line))
    assert.equal(troubles, [])
  }))

/** A port that takes no connection: who listens there is stopped, and its queue is full. */
async function blackHole(port: number): Promise<ChildProcess> {
  const script = `require('net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => console.log())`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  const sockets: Socket[] = []
  for (let isFull = false; !isFull; ) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    isFull = !(await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise(resolve => setTimeout(resolve, 200, false)),
    ]))
  }
  child.once('exit', () => {
    for (const socket of sockets) socket.destroy()
  })
  return child
}

test('unreachable, packets are dropped: the next attempt begins before the last one would have been answered', () =>
  TroubleWorld.run(async world => {
    const { server, clock } = world
    const back = await away(world)
    const hole = await blackHole(server.port)
    try {
      await world.pass(60_000)
      const waits: number[] = []
      for (let i = 0; i < 6; i++) {
        waits.push(clock.nextMs)
        await world.pass(clock.nextMs)
      }
      assert.ok(Math.max(...waits) <= 4_000, waits.join())
    } finally {
      hole.kill('SIGKILL')
      await once(hole, 'exit')
    }
    await back()
    world.changeMeanwhile()
    await world.converges()
  }))

test('connections that lead to somebody else, who never says a word', () =>
  TroubleWorld.run(async world => {
    const { server } = world
    const back = await away(world)
    const sockets: Socket[] = []
    const mute = createServer(socket => void sockets.push(socket.on('error', () => {})))
    mute.listen(server.port, '127.0.0.1')
    await once(mute, 'listening')
    await world.pass(120_000)
    await world.pass(world.clock.nextMs)
    for (const socket of sockets) socket.destroy()
    mute.close()
    await once(mute, 'close')
    await back()
    world.changeMeanwhile()
    await world.converges()
  }))

test('the view tells its age while it is away', () =>
  TroubleWorld.run(async world => {
    const age = () => world.metric('sextant_kubernetes_view_age_seconds').services!
    assert.ok(age() < 1)
    const back = await away(world)
    await world.pass(100_000)
    assert.is(age(), 100)
    assert.is(world.stage.condition(), 'cluster.local: namespaces 100 s, services 100 s, endpointslices 100 s')
    await back()
    await world.until('current', 6_000, () => age() <= 1)
    world.server.put(SERVICES, service('next.default', ['10.96.7.7']))
    await world.until('seen', 100, () => world.has('next', '10.96.7.7'))
    assert.is(age(), 0)
  }))

test.run()
