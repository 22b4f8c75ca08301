/** Addresses that this process shares with another, and what the kernel gives to whom as one of them leaves. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadCalls } from '../../../server/listen/ffi.ts'
import { hasSuccessor } from '../../../server/listen/hand-over.ts'
import { type Listener, listen, type Transport } from '../../../server/listen/listen.ts'
import { checkShareAddresses } from '../../../server/listen/share.ts'
import { framed } from '../../harness/frames.ts'
import { query } from '../../harness/message.ts'
import { Behaviour, DEADLINE_MS, eventually, soon, TcpClient, UdpClient, WAYS } from './fixture.ts'

const test = suite('hand-over')
/** So many never all find one of two sockets by chance. */
const QUESTIONS = 40
const WAYS_TO_LISTEN: { name: string; transport: Transport; udp?: 'batch' | 'dgram' }[] = [
  ...WAYS.map(udp => ({ name: udp, transport: 'udp' as const, udp })),
  { name: 'tcp', transport: 'tcp' },
]

test.before(() => {
  process.env.SEXTANT_SHARE_ADDRESSES = '1'
})
test.after(() => {
  delete process.env.SEXTANT_SHARE_ADDRESSES
})

/** Another process that shares an address, and tells of each datagram and connection that it gets. */
const OTHER = `
const [transport, address, port] = JSON.parse(process.argv[1])
const got = () => process.send('got')
if (transport === 'udp') {
  const socket = require('node:dgram').createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reusePort: true })
  socket.on('message', got).bind({ address, port, exclusive: true }, () => process.send(socket.address().port))
} else {
  const server = require('node:net').createServer(socket => socket.on('error', () => {}).resume())
  server.on('connection', got).listen({ host: address, port, reusePort: true }, () => process.send(server.address().port))
}`

class Other {
  received = 0
  readonly port: number
  readonly #process: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#process = child
    this.port = port
    child.on('message', () => this.received++)
  }

  static async start(transport: Transport, address: string, port: number): Promise<Other> {
    const child = spawn(process.execPath, ['-e', OTHER, JSON.stringify([transport, address, port])], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const [bound] = await once(child, 'message', { signal: AbortSignal.timeout(4 * DEADLINE_MS) })
    return new Other(child, bound as number)
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

/** Asks from new ports until all questions have come to somebody, and gives how many came to whom. */
async function received(transport: Transport, port: number, by: readonly { received: number }[]): Promise<number[]> {
  const before = by.map(one => one.received)
  const message = query('now.test')
  const closing = Array.from({ length: QUESTIONS }, () => {
    if (transport === 'udp') {
      const client = new UdpClient()
      client.send(message, port, '127.0.0.1')
      return () => client.close()
    }
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {}).write(framed(message))
    return () => socket.destroy()
  })
  const now = () => by.map((one, i) => one.received - before[i]!)
  await eventually(() => now().reduce((sum, count) => sum + count) >= QUESTIONS, 'every question')
  for (const close of closing) close()
  return now()
}

async function shares(one: Listener, other: Other): Promise<{ own: number; others: number }> {
  const [own, others] = await received(one.transport, other.port, [one, other])
  return { own: own!, others: others! }
}

for (const { name, transport, udp } of WAYS_TO_LISTEN) {
  const canDivert = loadCalls() !== undefined
  const open = async (address: string, port: number, behaviour = new Behaviour()) => {
    const options = { routes: behaviour.routes, server: `dns://${address}:share`, ...(udp && { udp }) }
    const listener = await listen(transport, address, port, options)
    listener.start()
    return listener
  }

  for (const address of ['127.0.0.1', '0.0.0.0', '']) {
    test(`${name}: "${address}" is shared with another process, which has all from the hand-over on`, async () => {
      const one = await open(address, 0)
      assert.is(hasSuccessor(one), false)
      const other = await Other.start(transport, address === '' ? '::' : address, one.port)
      try {
        assert.is(hasSuccessor(one), true)
        const both = await shares(one, other)
        assert.ok(both.own > 0 && both.others > 0, `${both.own} and ${both.others}`)
        one.handOver?.()
        if (canDivert) assert.equal(await shares(one, other), { own: 0, others: QUESTIONS })
        await one.stop()
        assert.equal(await shares(one, other), { own: 0, others: QUESTIONS })
      } finally {
        await Promise.all([one.stop(), other.stop()])
      }
    })
  }

  test(`${name}: who came later has all, hands over to who was there, and the next one has all again`, async () => {
    const other = await Other.start(transport, '127.0.0.1', 0)
    const second = await open('127.0.0.1', other.port)
    const opened = [second]
    try {
      if (canDivert) assert.equal(await shares(second, other), { own: QUESTIONS, others: 0 })
      second.handOver?.()
      if (canDivert) assert.equal(await shares(second, other), { own: 0, others: QUESTIONS })
      await second.stop()
      const third = await open('127.0.0.1', other.port)
      opened.push(third)
      if (canDivert) assert.equal(await shares(third, other), { own: QUESTIONS, others: 0 })
    } finally {
      await Promise.all([...opened.map(one => one.stop()), other.stop()])
    }
  })

  test(`${name}: what is left by who was there is shared by all sockets of who came later`, async () => {
    const other = await Other.start(transport, '127.0.0.1', 0)
    const first = await open('127.0.0.1', other.port)
    const options = { routes: new Behaviour().routes, server: 'dns://share:more', reusePort: true, ...(udp && { udp }) }
    const second = await listen(transport, '127.0.0.1', other.port, options) // as another thread's
    second.start()
    try {
      await other.stop()
      // The filter goes within a second.
      let counts: number[] = []
      for (const endMs = performance.now() + DEADLINE_MS; performance.now() < endMs; ) {
        counts = await received(transport, other.port, [first, second])
        if (Math.min(...counts) > 0) break
      }
      assert.ok(Math.min(...counts) > 0, `${counts}`)
    } finally {
      await Promise.all([first.stop(), second.stop()])
    }
  })

  for (const when of ['before', 'after']) {
    test(`${name}: two that came ${when} it share on when it has left`, async () => {
      const first = when === 'after' ? await open('127.0.0.1', 0) : undefined
      const one = await Other.start(transport, '127.0.0.1', first?.port ?? 0)
      const two = await Other.start(transport, '127.0.0.1', one.port)
      const leaving = first ?? (await open('127.0.0.1', one.port))
      try {
        leaving.handOver?.()
        await leaving.stop()
        const counts = await received(transport, one.port, [one, two])
        assert.ok(Math.min(...counts) > 0, `${counts}`)
      } finally {
        await Promise.all([leaving.stop(), one.stop(), two.stop()])
      }
    })
  }

  test(`${name}: what is in flight is answered after the hand-over, from the address that was asked`, async () => {
    const behaviour = new Behaviour()
    const one = await open('0.0.0.0', 0, behaviour)
    const client = transport === 'udp' ? new UdpClient() : await TcpClient.to(one.port, '127.0.0.2')
    const message = query('hold.test', { id: 7 })
    if (client instanceof UdpClient) client.send(message, one.port, '127.0.0.2')
    else client.send(message)
    await soon(behaviour.holding(1), 'the held query')
    const other = await Other.start(transport, '0.0.0.0', one.port)
    try {
      one.handOver?.()
      const stopped = one.stop()
      behaviour.release()
      await client.until(1)
      if (client instanceof UdpClient && udp === 'batch') assert.is(client.replies[0]!.from.address, '127.0.0.2')
      await soon(stopped, 'stop')
    } finally {
      client.close()
      await Promise.all([one.stop(), other.stop()])
    }
  })

  test(`${name}: the same address twice in this process is busy, though processes may share it`, async () => {
    const one = await open('127.0.0.1', 0)
    const text = await open('127.0.0.1', one.port).then(
      () => 'bound',
      cause => cause.message,
    )
    assert.match(text, /the port is in use, expected a free one, or one that a process of the same user shares$/)
    await one.stop()
  })
}

test('tcp: a connection is closed with its next answer, which no query behind it can miss', async () => {
  const behaviour = new Behaviour()
  const options = { routes: behaviour.routes, server: 'dns://:share-tcp' }
  const one = await listen('tcp', '127.0.0.1', 0, options)
  one.start()
  const [idle, asking, waiting] = await Promise.all([1, 2, 3].map(() => TcpClient.to(one.port)))
  try {
    await asking!.ask(query('now.test', { id: 1 }))
    waiting!.send(query('hold.test', { id: 2 }))
    await soon(behaviour.holding(1), 'the held query')
    one.handOver?.()
    // Several at once are all answered; what waits keeps its connection open, also for others.
    asking!.send(query('now.test', { id: 3 }), query('later.test', { id: 4 }))
    await soon(asking!.ended, 'the end of a connection that asked')
    assert.is(asking!.replies.length, 3)
    waiting!.send(query('now.test', { id: 5 }))
    await waiting!.until(1)
    behaviour.release()
    await soon(waiting!.ended, 'the end of a connection that waited')
    assert.is(waiting!.replies.length, 2)
    assert.is(idle!.hasEnded, false)
    await Promise.all([one.stop(), soon(idle!.ended, 'the end of a silent one')])
  } finally {
    behaviour.release()
    for (const client of [idle, asking, waiting]) client!.close()
    await one.stop()
  }
})

test('a value that means nothing is told', () => {
  for (const good of ['', '0', '1']) {
    process.env.SEXTANT_SHARE_ADDRESSES = good
    checkShareAddresses()
  }
  process.env.SEXTANT_SHARE_ADDRESSES = 'yes'
  assert.throws(checkShareAddresses, /^SEXTANT_SHARE_ADDRESSES is "yes", expected 1 or 0$/)
  process.env.SEXTANT_SHARE_ADDRESSES = '1'
})

test.run()
