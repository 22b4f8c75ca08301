import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TcpLimits } from '../../../server/listen/listen.ts'
import { cells, families } from '../../../server/metrics.ts'
import { framed } from '../../harness/frames.ts'
import { query, readReply, replyText, text } from '../../harness/message.ts'
import { eventually, firstText, type Served, soon, TcpClient, UdpClient, withServed } from './fixture.ts'

/** A test over one connection, with limits of its own. */
function over(name: string, tcp: Partial<TcpLimits>, body: (at: Served, client: TcpClient) => Promise<void>): void {
  test(name, () =>
    withServed('127.0.0.1', { tcp, server: `dns://:${name}` }, async at => {
      const client = await TcpClient.to(at.port)
      try {
        await body(at, client)
      } finally {
        client.close()
      }
    }),
  )
}

/** How many connections the server closed in test `name`, by reason. */
function closed(name: string, reason: string): number {
  const children = families.get('sextant_tcp_closed_total')!.children.values()
  const found = [...children].find(({ values }) => values[0] === `dns://:${name}` && values[1] === reason)
  return found === undefined ? 0 : cells[found.cell]!
}

over('answers', {}, async (_, client) => {
  assert.is(
    replyText(await client.ask(query('now.test'))),
    text`
      NOERROR rd
      ;; ANSWER
      now.test. 30 IN A 10.0.0.1`,
  )
  assert.is(replyText(await client.ask(query('later.test'))), replyText(await client.ask(query('later.test'))))
})

over('tells who asked, and which address', {}, async (_, client) => {
  for (const name of ['who.test', 'wholater.test']) {
    const port = client.socket.localPort
    assert.is(firstText(await client.ask(query(name, { type: 'TXT' }))), `127.0.0.1 ${port} 4 127.0.0.1`)
  }
})

test('IPv6, and IPv4 on the wildcard', () =>
  withServed('', {}, async at => {
    for (const [host, family] of [
      ['::1', 6],
      ['127.0.0.1', 4],
      ['127.0.0.2', 4],
    ] as const) {
      const client = await TcpClient.to(at.port, host)
      const told = firstText(await client.ask(query('who.test', { type: 'TXT' })))
      assert.is(told, `${client.socket.localAddress} ${client.socket.localPort} ${family} ${host}`)
      client.close()
    }
  }))

over('one octet at a time', {}, async (_, client) => {
  client.socket.setNoDelay(true)
  for (const octet of framed(query('now.test', { id: 1 }), query('later.test', { id: 2 }))) {
    await new Promise(resolve => client.socket.write(Buffer.of(octet), resolve))
    await new Promise(resolve => setImmediate(resolve))
  }
  await client.until(2)
  assert.equal(
    client.replies.map(reply => readReply(reply).id),
    [1, 2],
  )
})

const SPLITS = [
  { name: 'within the first length', cuts: [1] },
  { name: 'behind the first length', cuts: [2] },
  { name: 'within the second length', cuts: [29] },
  { name: 'everywhere', cuts: [1, 2, 3, 14, 28, 29, 30, 31, 56] },
]
for (const { name, cuts } of SPLITS) {
  over(`split ${name}`, {}, async (_, client) => {
    const octets = framed(...[1, 2, 3].map(id => query('now.test', { id })))
    let from = 0
    for (const cut of [...cuts, octets.length]) {
      client.socket.write(octets.subarray(from, cut))
      await new Promise(resolve => setTimeout(resolve, 2)) // so that the parts arrive as parts
      from = cut
    }
    await client.until(3)
    assert.equal(
      client.replies.map(reply => readReply(reply).id),
      [1, 2, 3],
    )
  })
}

over('a query that waits does not delay the next', {}, async (at, client) => {
  client.send(query('hold.test', { id: 1 }), query('now.test', { id: 2 }), query('now.test', { id: 3 }))
  await client.until(2)
  at.behaviour.release()
  await client.until(3)
  assert.equal(
    client.replies.map(reply => readReply(reply).id),
    [2, 3, 1],
  )
})

for (const kind of ['now', 'later', 'micro', 'big']) {
  const count = kind === 'big' ? 300 : 10_000
  over(`${count} queries at once for "${kind}"`, {}, async (at, client) => {
    const all = Array.from({ length: count }, (_, id) => query(`${kind}.test`, { id }))
    client.send(...all)
    await client.until(count)
    assert.is(new Set(client.replies.map(reply => reply.readUInt16BE())).size, count)
    assert.is(at.tcp.received, count)
  })
}

over('few at a time in flight, all answered', { maxInFlight: 3 }, async (_, client) => {
  client.send(...Array.from({ length: 500 }, (_, id) => query(`${id % 3 ? 'later' : 'now'}.test`, { id })))
  await client.until(500)
  assert.is(new Set(client.replies.map(reply => reply.readUInt16BE())).size, 500)
})

over('reads no more than may be in flight', { maxInFlight: 3 }, async (at, client) => {
  client.send(...Array.from({ length: 10 }, (_, id) => query('hold.test', { id })))
  await soon(at.behaviour.holding(3), 'the held queries')
  await new Promise(resolve => setTimeout(resolve, 20)) // time in which a fourth would be read
  assert.is(at.tcp.received, 3)
  for (let n = 3; n < 10; n += 3) {
    at.behaviour.release()
    await client.until(n)
    await soon(at.behaviour.holding(Math.min(3, 10 - n)), 'the next ones')
  }
  at.behaviour.release()
  await client.until(10)
})

over(
  'reads no more either where each write ends in the middle of a message',
  { maxInFlight: 3 },
  async (at, client) => {
    const all = framed(...Array.from({ length: 10 }, (_, id) => query('hold.test', { id })))
    const octets = all.length / 10
    for (let n = 0; n <= 10; n++) {
      client.socket.write(all.subarray(Math.max(0, n * octets - 9), (n + 1) * octets - 9 * Number(n < 10)))
      await new Promise(resolve => setTimeout(resolve, 5)) // a segment of its own
    }
    assert.is(at.tcp.received, 3)
    for (let n = 3; n < 10; n += 3) {
      at.behaviour.release()
      await client.until(n)
      await soon(at.behaviour.holding(Math.min(3, 10 - n)), 'the next ones')
    }
    at.behaviour.release()
    await client.until(10)
    assert.is(new Set(client.replies.map(reply => reply.readUInt16BE())).size, 10)
  },
)

over('a client that has said all is answered all', {}, async (at, client) => {
  client.send(query('now.test', { id: 1 }), query('hold.test', { id: 2 }), query('later.test', { id: 3 }))
  client.socket.end()
  await client.until(2)
  assert.not(client.hasEnded)
  at.behaviour.release()
  await client.until(3)
  await soon(client.ended, 'the close')
})

over('a client that says nothing and half-closes is closed', {}, async (_, client) => {
  client.socket.end()
  await soon(client.ended, 'the close')
})

const response = query('now.test')
response[2]! |= 0x80
const GARBAGE = [
  { name: 'length 0', octets: Buffer.from([0, 0]) },
  { name: 'length 5', octets: Buffer.from([0, 5, 1, 2, 3, 4, 5]) },
  { name: 'length 11, nothing of it there', octets: Buffer.from([0, 11]) },
  { name: 'length 11, its octets apart', octets: Buffer.from([0, 11]), apart: true },
  { name: 'a response', octets: framed(response) },
]
for (const { name, octets, apart } of GARBAGE) {
  over(`garbage closes at once: ${name}`, {}, async (_, client) => {
    client.send(query('now.test'))
    await client.until(1)
    if (apart) {
      client.socket.write(octets.subarray(0, 1))
      await new Promise(resolve => setTimeout(resolve, 2))
      client.socket.write(octets.subarray(1))
    } else client.socket.write(Buffer.concat([framed(query('now.test')), octets]))
    await soon(client.ended, 'the close')
    assert.is(client.replies.length, apart ? 1 : 2)
    assert.is(closed(`garbage closes at once: ${name}`, 'garbage'), 1)
  })
}

over('an unknown operation leaves the connection open', {}, async (_, client) => {
  const update = query('now.test')
  update[2] = 6 << 3
  assert.is(readReply(await client.ask(update)).rcode, 'NOTIMP')
  assert.is(readReply(await client.ask(query('now.test'))).rcode, 'NOERROR')
})

const SHORT = { firstReadMs: 100, idleMs: 300, writeMs: 200 }

over('silent', SHORT, async (_, client) => {
  await soon(client.ended, 'the close')
  assert.is(closed('silent', 'first-read'), 1)
})

over('trickling', SHORT, async (_, client) => {
  const octets = framed(query('now.test'))
  let at = 0
  const timer = setInterval(() => client.socket.write(octets.subarray(at, ++at)), 40)
  await soon(client.ended, 'the close')
  clearInterval(timer)
  assert.is(closed('trickling', 'first-read'), 1)
})

over('idle', SHORT, async (_, client) => {
  await client.ask(query('now.test'))
  const since = performance.now()
  await soon(client.ended, 'the close')
  assert.ok(performance.now() - since > 250)
  assert.is(closed('idle', 'idle'), 1)
})

over('trickling later', SHORT, async (_, client) => {
  await client.ask(query('now.test'))
  const octets = framed(query('now.test'))
  let at = 0
  const timer = setInterval(() => client.socket.write(octets.subarray(at, ++at)), 100)
  await soon(client.ended, 'the close')
  clearInterval(timer)
  assert.is(closed('trickling later', 'idle'), 1)
})

over('waiting for a reply is not idle', SHORT, async (at, client) => {
  client.send(query('hold.test'))
  await new Promise(resolve => setTimeout(resolve, 700))
  at.behaviour.release()
  await client.until(1)
  await soon(client.ended, 'the close')
  assert.is(closed('waiting for a reply is not idle', 'idle'), 1)
})

over('never reading', SHORT, async (at, client) => {
  client.socket.pause()
  client.socket.write(framed(...Array.from({ length: 1000 }, () => query('big.test'))))
  await eventually(() => closed('never reading', 'write') === 1, 'the close')
  assert.ok(at.tcp.received < 1000)
  const other = await TcpClient.to(at.port)
  await other.ask(query('now.test'))
  other.close()
})

over('never reading what comes late', { writeMs: 60_000 }, async (at, client) => {
  client.socket.pause()
  client.socket.write(framed(...Array.from({ length: 500 }, () => query('holdbig.test'))))
  await soon(at.behaviour.holding(500), 'the held queries')
  at.behaviour.release()
  await eventually(() => closed('never reading what comes late', 'buffer') === 1, 'the close')
})

over('reading slowly is no reason to close', { maxBufferedBytes: 1 << 17 }, async (at, client) => {
  client.socket.pause()
  client.socket.write(framed(...Array.from({ length: 600 }, (_, id) => query('big.test', { id }))))
  await eventually(() => at.tcp.received > 8, 'the first replies')
  client.socket.resume()
  await client.until(600)
  assert.is(new Set(client.replies.map(reply => reply.readUInt16BE())).size, 600)
})

test('the oldest idle connection makes room', () =>
  withServed('127.0.0.1', { tcp: { maxConnections: 3 }, server: 'dns://:room' }, async at => {
    const busy = await TcpClient.to(at.port)
    busy.send(query('hold.test', { id: 1 }))
    await soon(at.behaviour.holding(1), 'the held query')
    const clients: TcpClient[] = []
    for (let i = 0; i < 5; i++) {
      const client = await TcpClient.to(at.port)
      await client.ask(query('now.test'))
      clients.push(client)
      await new Promise(resolve => setTimeout(resolve, 150)) // more than a tick of the wheel apart
    }
    await Promise.all(clients.slice(0, 3).map(client => soon(client.ended, 'the close')))
    for (const client of clients.slice(3)) await client.ask(query('now.test'))
    at.behaviour.release()
    await busy.until(1)
    assert.is(closed('room', 'limit'), 3)
    for (const client of [busy, ...clients]) client.close()
  }))

test('of several sockets each has its part of the connections, also when a reload changes their number', () =>
  withServed('127.0.0.1', { tcp: { maxConnections: 8 }, sockets: 4, server: 'dns://:part' }, async at => {
    const clients: TcpClient[] = []
    const openFrom = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const client = await TcpClient.to(at.port)
        await client.ask(query('now.test'))
        clients.push(client)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
    await openFrom(3)
    await eventually(() => closed('part', 'limit') === 1, 'the close of one of three')
    at.tcp.shareWith?.(1)
    await openFrom(6)
    assert.is(closed('part', 'limit'), 1)
    for (const client of clients) client.close()
  }))

test('500 silent connections: UDP answers, all are closed', () =>
  withServed('127.0.0.1', { tcp: SHORT, server: 'dns://:silent-many' }, async at => {
    const clients = await Promise.all(Array.from({ length: 500 }, () => TcpClient.to(at.port)))
    const udp = new UdpClient()
    await udp.ask(query('now.test'), at.port)
    udp.close()
    await soon(Promise.all(clients.map(client => client.ended)), 'the closes')
    assert.is(closed('silent-many', 'first-read'), 500)
    const gauge = families.get('sextant_tcp_connections')!.children.get('dns://:silent-many')!
    assert.is(cells[gauge.cell], 0)
  }))

over('stop answers what is in flight, then closes', {}, async (at, client) => {
  client.send(query('hold.test', { id: 1 }))
  const idle = await TcpClient.to(at.port)
  await idle.ask(query('now.test'))
  await soon(at.behaviour.holding(1), 'the held query')
  const stopped = at.tcp.stop()
  await soon(idle.ended, 'the close of the idle one')
  client.send(query('now.test', { id: 2 }))
  at.behaviour.release()
  await soon(stopped, 'stop')
  await soon(client.ended, 'the close')
  assert.equal(
    client.replies.map(reply => readReply(reply).id),
    [1],
  )
})

over('stop does not wait for a client that stays', {}, async (at, client) => {
  client.socket.removeAllListeners('end')
  await client.ask(query('now.test'))
  await soon(at.tcp.stop(), 'stop')
})

over('clients that vanish with queries in flight', {}, async (at, client) => {
  client.send(query('hold.test'), query('hold.test'))
  await soon(at.behaviour.holding(2), 'the held queries')
  client.socket.resetAndDestroy()
  at.behaviour.release()
  const other = await TcpClient.to(at.port)
  await other.ask(query('now.test'))
  other.close()
})

test('connections made before start wait for it', async () => {
  const { listen } = await import('../../../server/listen/listen.ts')
  const { Behaviour } = await import('./fixture.ts')
  const tcp = await listen('tcp', '127.0.0.1', 0, { routes: new Behaviour().routes, server: 'dns://:early' })
  const client = await TcpClient.to(tcp.port)
  client.send(query('now.test'))
  await new Promise(resolve => setTimeout(resolve, 20)) // time in which it would be answered
  assert.is(tcp.received, 0)
  tcp.start()
  await client.until(1)
  client.close()
  await tcp.stop()
})

test.run()
