import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ListenError, type Listener, listen, listenPair, type Transport } from '../../../server/listen/listen.ts'
import { families } from '../../../server/metrics.ts'
import { Behaviour, WAYS } from './fixture.ts'

const { routes } = new Behaviour()
const server = 'dns://:test'

const WAYS_TO_LISTEN: { name: string; transport: Transport; udp?: 'batch' | 'dgram' }[] = [
  ...WAYS.map(udp => ({ name: udp, transport: 'udp' as const, udp })),
  { name: 'tcp', transport: 'tcp' },
]

/** What came of it: 'bound', or the error's code. */
async function attempt(make: () => Promise<Listener>): Promise<string> {
  try {
    await (await make()).stop()
    return 'bound'
  } catch (error) {
    assert.instance(error, ListenError)
    return (error as ListenError).code
  }
}

const HELD = [
  { name: 'the same address', holder: '127.0.0.1', wanted: '127.0.0.1' },
  { name: 'an address, wildcard wanted', holder: '127.0.0.1', wanted: '' },
  { name: 'the IPv4 wildcard, wildcard wanted', holder: '0.0.0.0', wanted: '' },
  { name: 'the IPv4 wildcard, :: wanted', holder: '0.0.0.0', wanted: '::' },
  { name: 'the wildcard, an IPv4 address wanted', holder: '', wanted: '127.0.0.1' },
  { name: 'the wildcard, an IPv6 address wanted', holder: '', wanted: '::1' },
  { name: 'the wildcard twice', holder: '', wanted: '' },
]
for (const way of WAYS_TO_LISTEN) {
  const options = { routes, server, ...(way.udp && { udp: way.udp }) }
  for (const { name, holder, wanted } of HELD) {
    test(`${way.name}: busy: ${name}`, async () => {
      const first = await listen(way.transport, holder, 0, options)
      assert.is(await attempt(() => listen(way.transport, wanted, first.port, options)), 'EADDRINUSE')
      await first.stop()
      assert.is(await attempt(() => listen(way.transport, wanted, first.port, options)), 'bound')
    })
  }

  test(`${way.name}: the errors are sentences`, async () => {
    const first = await listen(way.transport, '127.0.0.1', 0, options)
    const told = async (address: string, port: number) =>
      listen(way.transport, address, port, options).then(
        () => 'bound',
        error => error.message,
      )
    const { transport } = way
    assert.is(
      await told('127.0.0.1', first.port),
      `cannot listen on ${transport} "127.0.0.1:${first.port}": the port is in use, expected a free one`,
    )
    await first.stop()
    assert.is(
      await told('192.0.2.1', 5353),
      `cannot listen on ${transport} "192.0.2.1:5353": no interface has this address, expected one of this machine`,
    )
    assert.match(await told('2001:db8::1', 5353), `cannot listen on ${transport} "[2001:db8::1]:5353": `)
    assert.match(await told('localhost', 5353), 'not an address of this machine')
  })

  test(`${way.name}: IPv4 and IPv6 wildcards side by side`, async () => {
    const v4 = await listen(way.transport, '0.0.0.0', 0, options)
    assert.is(await attempt(() => listen(way.transport, '::', v4.port, { ...options, ipv6Only: true })), 'bound')
    await v4.stop()
  })

  test(`${way.name}: stops without having started, twice`, async () => {
    const listener = await listen(way.transport, '127.0.0.1', 0, options)
    await listener.stop()
    await listener.stop()
  })
}

test('a holder that is not ours: udp', async () => {
  const holder = createSocket('udp4').bind(0, '127.0.0.1')
  await once(holder, 'listening')
  for (const udp of WAYS) {
    for (const address of ['127.0.0.1', '', '0.0.0.0']) {
      const options = { routes, server, udp }
      assert.is(await attempt(() => listen('udp', address, holder.address().port, options)), 'EADDRINUSE')
    }
  }
  holder.close()
})

test('the port of a listener is busy for others: udp', async () => {
  for (const udp of WAYS) {
    const listener = await listen('udp', '', 0, { routes, server, udp })
    for (const address of ['127.0.0.1', '0.0.0.0']) {
      const other = createSocket('udp4')
      const [error] = await Promise.all([once(other, 'error'), other.bind(listener.port, address)])
      assert.is(error[0].code, 'EADDRINUSE')
      other.close()
    }
    await listener.stop()
  }
})

test('a pair has one port, and a busy one is nobody left behind', async () => {
  const { udp, tcp } = await listenPair('127.0.0.1', 0, { routes, server })
  assert.is(udp.port, tcp.port)
  assert.ok(udp.port > 0)
  await Promise.all([udp.stop(), tcp.stop()])
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  try {
    await listenPair('127.0.0.1', port, { routes, server })
    assert.unreachable()
  } catch (error) {
    assert.is((error as ListenError).transport, 'tcp')
  }
  assert.is(await attempt(() => listen('udp', '127.0.0.1', port, { routes, server })), 'bound')
  holder.close()
})

test('the kernel’s drops are exported', async () => {
  const { cells } = await import('../../../server/metrics.ts')
  for (const udp of WAYS) {
    const listener = await listen('udp', '127.0.0.1', 0, { routes, server: `dns://:${udp}`, udp: 'batch' })
    if (listener.constructor.name !== 'UdpBatch') return // dgram reads before it is started: nothing to overflow
    const client = createSocket({ type: 'udp4', sendBufferSize: 4 << 20 })
    const message = Buffer.alloc(4000)
    for (let i = 0; i < 4000; i++)
      await new Promise(resolve => client.send(message, listener.port, '127.0.0.1', resolve))
    const family = families.get('sextant_udp_dropped_total')!
    family.refresh!()
    const { cell } = [...family.children.values()].find(({ values }) => values[0] === `dns://:${udp}`)!
    const seen = cells[cell]!
    assert.ok(seen > 0)
    await listener.stop()
    assert.is(cells[cell], seen)
    client.close()
  }
})

for (const { name, transport, udp } of WAYS_TO_LISTEN) {
  test(`${name}: what answered before a reload is not held`, async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const held = async (): Promise<[Listener, WeakRef<object>]> => {
      const first = new Behaviour().routes
      const options = { routes: first, server, ...(udp && { udp }) }
      const listener = await listen(transport, '127.0.0.1', 0, options)
      listener.start()
      listener.routes = routes
      return [listener, new WeakRef(first)]
    }
    const [listener, reference] = await held()
    // What a WeakRef was asked for, or made of, stays to the end of the turn.
    for (let i = 0; i < 3; i++) {
      await new Promise(resolve => setImmediate(resolve))
      collect()
    }
    assert.is(reference.deref(), undefined)
    await listener.stop()
  })
}

test.run()
