/** One address beside every address on a port: within this process, and never with another. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadCalls } from '../../../server/listen/ffi.ts'
import { ListenError, type Listener, listen, type Transport } from '../../../server/listen/listen.ts'
import { query } from '../../harness/message.ts'
import { Behaviour, DEADLINE_MS, firstText, soon, TcpClient, UdpClient, WAYS } from './fixture.ts'

const { routes } = new Behaviour()
const WAYS_TO_LISTEN: { name: string; transport: Transport; udp?: 'batch' | 'dgram' }[] = [
  ...WAYS.map(udp => ({ name: udp, transport: 'udp' as const, udp })),
  { name: 'tcp', transport: 'tcp' },
]
const PAIRS = [
  { first: '', second: '127.0.0.1' },
  { first: '127.0.0.1', second: '' },
  { first: '', second: '::1' },
  { first: '::1', second: '' },
  { first: '0.0.0.0', second: '127.0.0.1' },
  { first: '127.0.0.1', second: '0.0.0.0' },
  { first: '::', second: '::1' },
  { first: '', second: '0.0.0.0' },
]

/** A program of another process that binds like the ones that share ports. */
const HOLDER = `
const [transport, address, port, reusePort] = JSON.parse(process.argv[1])
const tell = text => process.stdout.write(text + '\\n')
if (transport === 'udp') {
  const socket = require('node:dgram').createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reusePort })
  socket.on('error', error => tell(error.code)).bind({ address, port, exclusive: true }, () => tell('bound ' + socket.address().port))
} else {
  const server = require('node:net').createServer()
  server.on('error', error => tell(error.code)).listen({ host: address, port, reusePort }, () => tell('bound ' + server.address().port))
}`

interface Holder {
  readonly process: ChildProcess
  /** What came of it: 'bound PORT', or the error's code. */
  readonly outcome: string
}

async function holder(transport: Transport, address: string, port: number, reusePort: boolean): Promise<Holder> {
  const child = spawn(process.execPath, ['-e', HOLDER, JSON.stringify([transport, address, port, reusePort])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [text] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(4 * DEADLINE_MS) })
  return { process: child, outcome: String(text).trim() }
}

async function end({ process }: Holder): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  process.kill('SIGKILL')
  await once(process, 'exit')
}

async function codeOf(making: Promise<Listener>): Promise<string> {
  try {
    await (await making).stop()
    return 'bound'
  } catch (error) {
    assert.instance(error, ListenError)
    return (error as ListenError).code
  }
}

for (const { name, transport, udp } of WAYS_TO_LISTEN) {
  const optionsOf = (server: string) => ({ routes, server, isBeside: true, ...(udp && { udp }) })
  const open = (address: string, port: number) => listen(transport, address, port, optionsOf(`dns://${address}:beside`))

  for (const { first, second } of PAIRS) {
    test(`${name}: "${second}" beside "${first}"`, async () => {
      const one = await open(first, 0)
      const two = await open(second, one.port)
      try {
        assert.is(two.port, one.port)
        two.start()
        const specific = second === '' || second === '::' || (first !== '' && second === '0.0.0.0') ? one : two
        one.start()
        const to = first.includes(':') || second.includes(':') ? '::1' : '127.0.0.1'
        await ask(transport, to, one.port)
        assert.is(specific.received, 1, 'the nearest socket answers')
        for (const reusePort of [false, true]) {
          const other = await holder(transport, to === '::1' ? '::1' : '127.0.0.1', one.port, reusePort)
          await end(other)
          if (transport === 'udp' || !reusePort) assert.is(other.outcome, 'EADDRINUSE', `reusePort ${reusePort}`)
        }
      } finally {
        await Promise.all([one.stop(), two.stop()])
      }
    })
  }

  test(`${name}: what is closed can be opened again beside the other, many times`, async () => {
    const one = await open('', 0)
    for (let i = 0; i < 20; i++) assert.is(await codeOf(open('127.0.0.1', one.port)), 'bound')
    await one.stop()
  })

  test(`${name}: the same address twice is busy`, async () => {
    const one = await open('127.0.0.1', 0)
    const all = await open('', one.port)
    for (const address of ['127.0.0.1', '', '::']) assert.is(await codeOf(open(address, one.port)), 'EADDRINUSE')
    await Promise.all([one.stop(), all.stop()])
  })

  for (const reusePort of [false, true]) {
    const kind = reusePort ? 'that would share' : 'that shares with nobody'
    for (const [held, wanted] of [
      ['127.0.0.1', ''],
      ['0.0.0.0', '127.0.0.1'],
      ['127.0.0.1', '127.0.0.1'],
    ] as const) {
      test(`${name}: another process ${kind} has ${held}, "${wanted}" is wanted`, async () => {
        const other = await holder(transport, held, 0, reusePort)
        const port = Number(other.outcome.split(' ')[1])
        assert.is(await codeOf(open(wanted, port)), 'EADDRINUSE')
        await end(other)
        assert.is(await codeOf(open(wanted, port)), 'bound')
      })
    }

    test(`${name}: another process ${kind} has an address beside ours, the wildcard is wanted`, async () => {
      const ours = await open('127.0.0.1', 0)
      const other = await holder(transport, '127.0.0.2', ours.port, reusePort)
      assert.is(other.outcome, `bound ${ours.port}`)
      assert.is(await codeOf(open('', ours.port)), 'EADDRINUSE')
      await end(other)
      assert.is(await codeOf(open('', ours.port)), 'bound')
      await ours.stop()
    })
  }
}

async function ask(transport: Transport, to: string, port: number): Promise<void> {
  const message = query('who.test', { type: 'TXT' })
  if (transport === 'tcp') {
    const client = await TcpClient.to(port, to)
    assert.match(firstText(await client.ask(message)), to)
    client.close()
    return
  }
  const client = new UdpClient(to.includes(':') ? 6 : 4)
  try {
    const { octets } = await client.ask(message, port, to)
    assert.match(firstText(octets), to)
  } finally {
    client.close()
  }
}

test('batch: what waits in the kernel is answered on stop, what comes later goes to the wildcard', async () => {
  if (loadCalls() === undefined || !WAYS.includes('batch')) return
  const behaviour = new Behaviour()
  const options = { routes: behaviour.routes, server: 'dns://:handover', isBeside: true, udp: 'batch' } as const
  const all = await listen('udp', '', 0, options)
  const one = await listen('udp', '127.0.0.1', all.port, options)
  const client = new UdpClient()
  try {
    all.start()
    one.start()
    client.send(query('hold.test', { id: 1 }), all.port)
    await soon(behaviour.holding(1), 'the held query')
    const sent = 200
    let handled = 0
    await new Promise<void>(resolve => {
      for (let i = 0; i < sent; i++)
        client.socket.send(query('now.test', { id: i }), all.port, '127.0.0.1', () => ++handled === sent && resolve())
    })
    const stopped = one.stop()
    const { received } = one
    for (let i = 0; i < sent; i++) client.send(query('now.test', { id: i }), all.port)
    await client.until(2 * sent)
    assert.is(one.received, received, 'nothing more came to the one that stops')
    behaviour.release()
    await soon(stopped, 'stop')
    await client.until(2 * sent + 1)
    assert.ok(all.received >= sent)
  } finally {
    client.close()
    await Promise.all([one.stop(), all.stop()])
  }
})

test.run()
