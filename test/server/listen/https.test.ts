import { once } from 'node:events'
import { type ClientHttp2Session, connect as connect2 } from 'node:http2'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ListenerOptions } from '../../../server/listen/listen.ts'
import { query, readReply } from '../../harness/message.ts'
import { connectTls, counted, type Encrypted, policy, whenClosed, withEncrypted } from './encrypted.ts'
import { eventually, firstText, soon } from './fixture.ts'
import { END_HEADERS, END_STREAM, FRAME, FrameClient, field, frame, requestHead } from './http2-frames.ts'

const test = suite('https')
const TYPE = 'application/dns-message'

interface Client {
  readonly socket: TLSSocket
  readonly session: ClientHttp2Session
  /** Status and body of a POST. */
  ask(name: string, type?: string): Promise<{ status: number; body: Buffer }>
}

async function clientOf(port: number, from = '127.0.0.1'): Promise<Client> {
  const socket = await connectTls(port, { ALPNProtocols: ['h2'], localAddress: from } as ConnectionOptions)
  const session = connect2('https://localhost', { createConnection: () => socket })
  session.on('error', () => {})
  const ask: Client['ask'] = async (name, type = 'A') => {
    const stream = session.request({ ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE })
    stream.on('error', () => {})
    const parts: Buffer[] = []
    stream.on('data', part => parts.push(part as Buffer))
    stream.end(query(name, { type }))
    let status = 0
    stream.on('response', headers => {
      status = headers[':status'] ?? 0
    })
    await whenClosed(stream)
    return { status, body: Buffer.concat(parts) }
  }
  return { socket, session, ask }
}

/** A test with one client. */
function over(
  name: string,
  options: Partial<ListenerOptions>,
  body: (client: Client, at: Encrypted) => Promise<void>,
): void {
  test(name, () =>
    withEncrypted('https', { server: `https://:${name}`, ...options }, async at => {
      const client = await clientOf(at.port)
      try {
        await body(client, at)
      } finally {
        client.session.destroy()
        client.socket.destroy()
      }
    }),
  )
}

const closed = (name: string, reason: string) => counted('sextant_tcp_closed_total', `https://:${name}`, reason)

/** A connection whose next octets are up to the test. */
async function rawOf(port: number, protocol: string): Promise<{ socket: TLSSocket; ended: Promise<void> }> {
  const socket = await connectTls(port, { ALPNProtocols: [protocol] })
  const ended = whenClosed(socket)
  socket.resume()
  return { socket, ended }
}

over('answers, at once and later', {}, async ({ ask }) => {
  for (const name of ['now.test', 'later.test']) {
    const { status, body } = await ask(name)
    assert.is(status, 200)
    assert.is(readReply(body).answers!.length, 1)
  }
})

over('tells who asked, and which address', {}, async ({ ask, socket }) => {
  const who = `127.0.0.1 ${socket.localPort} 4 127.0.0.1`
  for (const name of ['who.test', 'wholater.test']) assert.is(firstText((await ask(name, 'TXT')).body), who)
})

over('answers as they finish', {}, async ({ ask }, { behaviour }) => {
  const held = ask('hold.test')
  await behaviour.holding(1)
  assert.is((await ask('now.test')).status, 200)
  behaviour.release()
  assert.is((await held).status, 200)
})

over('a stage that breaks is status 500', {}, async ({ ask }, { listener }) => {
  assert.is((await ask('broken.test')).status, 500)
  assert.is(counted('coredns_dns_https_responses_total', 'https://:a stage that breaks is status 500', '500'), 1)
  assert.is((await ask('now.test')).status, 200)
  assert.is(listener.received, 2)
})

over(
  'a client that left is answered by nobody, and forgotten',
  {},
  async ({ ask, session }, { listener, behaviour }) => {
    void ask('hold.test').catch(() => {})
    await behaviour.holding(1)
    session.destroy()
    behaviour.release()
    await soon(listener.stop(), 'the end')
  },
)

test('a client without ALPN speaks HTTP/1.1', () =>
  withEncrypted('https', {}, async ({ port }) => {
    const socket = await connectTls(port)
    const dns = query('now.test').toString('base64url')
    const request = `GET /dns-query?dns=${dns} HTTP/1.1\r\nHost: x\r\n\r\n`
    for (let i = 0; i < 2; i++) {
      socket.write(request)
      const [part] = await once(socket, 'data')
      assert.match(String(part), /^HTTP\/1\.1 200 OK\r\n/)
    }
    socket.write(request.repeat(3)) // pipelined
    let all = ''
    while (all.split('HTTP/1.1 200 OK').length < 4) all += String((await once(socket, 'data'))[0])
    socket.destroy()
  }))

for (const [name, octets] of [
  ['no HTTP', 'hello\r\n\r\n'],
  ['headers of 20 KB', `GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`],
] as const) {
  test(`HTTP/1.1: ${name} is 400, then the end`, () =>
    withEncrypted('https', {}, async ({ port }) => {
      const { socket, ended } = await rawOf(port, 'http/1.1')
      let all = ''
      socket.on('data', part => {
        all += String(part)
      })
      socket.write(octets)
      await soon(ended, 'the end')
      assert.match(all, /^HTTP\/1\.1 400 Bad Request\r\n/)
    }))
}

for (const protocol of ['h2', 'http/1.1']) {
  const silent = `silence over ${protocol} is closed`
  test(silent, () =>
    withEncrypted('https', { server: `https://:${silent}`, tcp: { firstReadMs: 50 } }, async ({ port }) => {
      await soon((await rawOf(port, protocol)).ended, 'the end')
      assert.is(closed(silent, 'first-read'), 1)
    }),
  )
}

over('idle connections are closed', { tcp: { idleMs: 50, firstReadMs: 50 } }, async ({ ask, socket }) => {
  const ended = whenClosed(socket)
  await ask('now.test')
  await soon(ended, 'the end')
  assert.is(closed('idle connections are closed', 'idle'), 1)
})

const trickle = 'a body that trickles is waited for no longer than another'
test(trickle, () =>
  withEncrypted('https', { server: `https://:${trickle}`, tcp: { firstReadMs: 100 } }, async ({ port }) => {
    const { socket, ended } = await rawOf(port, 'http/1.1')
    socket.write(`POST /dns-query HTTP/1.1\r\nHost: x\r\nContent-Type: ${TYPE}\r\nContent-Length: 60000\r\n\r\n`)
    const more = setInterval(() => socket.write('x'), 20)
    await soon(ended, 'the end').finally(() => clearInterval(more))
    assert.is(closed(trickle, 'first-read'), 1)
  }),
)

const unread = 'a client that takes no response is let go'
test(unread, () =>
  withEncrypted('https', { server: `https://:${unread}`, tcp: { writeMs: 100 } }, async ({ port, behaviour }) => {
    const client = new FrameClient(await connectTls(port, { ALPNProtocols: ['h2'] }))
    const path = `/dns-query?dns=${query('big.test').toString('base64url')}`
    const noWindow = Buffer.from([0, 4, 0, 0, 0, 0]) // SETTINGS_INITIAL_WINDOW_SIZE 0
    client.send(frame(FRAME.SETTINGS, 0, 0, noWindow))
    client.send(frame(FRAME.HEADERS, END_HEADERS | END_STREAM, 1, requestHead('GET', path)))
    await soon(client.ended, 'the end')
    assert.is(closed(unread, 'write'), 1)
    behaviour.release()
  }),
)

/** Has a client that takes nothing ask for `name` so many times. */
async function hoarder(port: number, name: string, times: number): Promise<FrameClient> {
  const client = new FrameClient(await connectTls(port, { ALPNProtocols: ['h2'] }))
  const path = `/dns-query?dns=${query(name).toString('base64url')}`
  client.send(frame(FRAME.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])))
  for (let i = 0; i < times; i++)
    client.send(frame(FRAME.HEADERS, END_HEADERS | END_STREAM, 1 + 2 * i, requestHead('GET', path)))
  return client
}

const hoard = 'a client that lets responses pile up is not served on, and let go'
test(hoard, () =>
  withEncrypted('https', { server: `https://:${hoard}`, tcp: { writeMs: 300 } }, async ({ port, listener }) => {
    const client = await hoarder(port, 'big.test', 20)
    await soon(client.ended, 'the end')
    assert.is(closed(hoard, 'write'), 1)
    assert.ok(listener.received < 8)
  }),
)

const late = 'a client that lets responses pile up that came late is let go'
test(late, () =>
  withEncrypted('https', { server: `https://:${late}` }, async ({ port, behaviour }) => {
    const client = await hoarder(port, 'holdbig.test', 20)
    await behaviour.holding(20)
    behaviour.release()
    await soon(client.ended, 'the end')
    assert.is(closed(late, 'buffer'), 1)
  }),
)

over('more is asked at once than a connection may hold: all is answered', {}, async ({ ask }) => {
  const all = await Promise.all(Array.from({ length: 100 }, () => ask('big.test')))
  assert.ok(all.every(({ status, body }) => status === 200 && body.length > 30_000))
})

const bodies = 'bodies that pile up are let go'
test(bodies, () =>
  withEncrypted('https', { server: `https://:${bodies}`, tcp: { maxBufferedBytes: 10_000 } }, async ({ port }) => {
    const client = new FrameClient(await connectTls(port, { ALPNProtocols: ['h2'] }))
    const head = requestHead('POST', '/dns-query', field('content-type', TYPE))
    for (let i = 0; i < 11; i++) {
      client.send(frame(FRAME.HEADERS, END_HEADERS, 1 + 2 * i, head))
      client.send(frame(FRAME.DATA, 0, 1 + 2 * i, Buffer.alloc(1000)))
    }
    await soon(client.ended, 'the end')
    assert.is(closed(bodies, 'buffer'), 1)
  }),
)

const cut = 'a body that is cut off is no message'
test(cut, () =>
  withEncrypted('https', { server: `https://:${cut}` }, async ({ port, listener }) => {
    const whole = query('now.test')
    const head = requestHead('POST', '/dns-query', field('content-type', TYPE))
    const reset = new FrameClient(await connectTls(port, { ALPNProtocols: ['h2'] }))
    reset.send(frame(FRAME.HEADERS, END_HEADERS, 1, head), frame(FRAME.DATA, 0, 1, whole))
    reset.send(frame(FRAME.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])), frame(FRAME.PING, 0, 0, Buffer.alloc(8)))
    await eventually(() => reset.came.has(FRAME.PING), 'the pong')
    reset.socket.destroy()
    const { socket, ended } = await rawOf(port, 'http/1.1')
    socket.write(`POST /dns-query HTTP/1.1\r\nHost: x\r\nContent-Type: ${TYPE}\r\nContent-Length: 100\r\n\r\n`)
    socket.end(whole)
    await soon(ended, 'the end')
    assert.is(listener.received, 0)
  }),
)

const streams = 'no more streams at a time than there may be'
test(streams, () => {
  const secure = { policy: policy(), https: { maxStreams: 5 } }
  return withEncrypted('https', { server: `https://:${streams}`, secure }, async ({ port, behaviour }) => {
    const client = new FrameClient(await connectTls(port, { ALPNProtocols: ['h2'] }))
    const path = `/dns-query?dns=${query('hold.test').toString('base64url')}`
    for (let i = 0; i < 8; i++)
      client.send(frame(FRAME.HEADERS, END_HEADERS | END_STREAM, 1 + 2 * i, requestHead('GET', path)))
    await eventually(() => client.came.get(FRAME.RST_STREAM) === 3, 'three refusals')
    await behaviour.holding(5)
    behaviour.release()
    await eventually(() => client.came.get(FRAME.HEADERS) === 5, 'five responses')
    client.socket.destroy()
  })
})

const crowd = 'an idle connection makes room, a busy one does not'
test(crowd, () => {
  const secure = { policy: policy(), https: { maxConnections: 2 } }
  return withEncrypted('https', { server: `https://:${crowd}`, secure }, async ({ port, behaviour, listener }) => {
    const idle = await clientOf(port)
    await idle.ask('now.test')
    const wasClosed = whenClosed(idle.socket)
    const busy = [await clientOf(port)]
    const held = [busy[0]!.ask('hold.test')]
    await behaviour.holding(1)
    busy.push(await clientOf(port))
    await soon(wasClosed, 'the idle one')
    held.push(busy[1]!.ask('hold.test'))
    await behaviour.holding(2)
    await soon((await rawOf(port, 'h2')).ended, 'the one too many')
    assert.is(closed(crowd, 'limit'), 2)
    listener.secure!({ policy: policy(), https: { maxConnections: 0 } })
    const more = await clientOf(port)
    assert.is((await more.ask('now.test')).status, 200)
    behaviour.release()
    assert.equal(
      (await Promise.all(held)).map(({ status }) => status),
      [200, 200],
    )
    for (const { socket } of [...busy, more]) socket.destroy()
  })
})

const shares = 'an address whose connections are all busy gives them up to others'
test(shares, () => {
  const secure = { policy: policy(), https: { maxConnections: 3 } }
  return withEncrypted('https', { server: `https://:${shares}`, secure }, async ({ port, behaviour }) => {
    const busy: Client[] = []
    for (let i = 0; i < 3; i++) {
      busy.push(await clientOf(port))
      void busy[i]!.ask('hold.test')
      await behaviour.holding(i + 1)
    }
    const wasClosed = whenClosed(busy[0]!.socket)
    const other = await clientOf(port, '127.0.0.2')
    assert.is((await other.ask('now.test')).status, 200)
    await soon(wasClosed, 'the end of the oldest')
    behaviour.release()
    for (const { socket } of [...busy, other]) socket.destroy()
  })
})

for (const protocol of ['h2', 'http/1.1']) {
  const most = `the last query that a connection may ask over ${protocol} is answered, and none behind it`
  test(most, () =>
    withEncrypted('https', { server: `https://:${most}`, tcp: { maxQueries: 2 } }, async ({ port, listener }) => {
      const { socket, ended } = await rawOf(port, protocol)
      const path = `/dns-query?dns=${query('later.test').toString('base64url')}`
      if (protocol === 'h2') {
        const client = new FrameClient(socket)
        const ask = (stream: number) => frame(FRAME.HEADERS, END_HEADERS | END_STREAM, stream, requestHead('GET', path))
        client.send(Buffer.concat([1, 3, 5, 7].map(ask)))
        await soon(ended, 'the end')
        assert.is(client.came.get(FRAME.HEADERS), 2)
        assert.ok(client.came.has(FRAME.GOAWAY))
      } else {
        let all = ''
        socket.on('data', part => {
          all += String(part)
        })
        socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(4))
        await soon(ended, 'the end')
        assert.is(all.split('HTTP/1.1 200 OK').length, 3)
      }
      assert.is(listener.received, 2)
      assert.is(closed(most, 'queries'), 1)
    }),
  )
}

over('limits that change hold for connections that are open', {}, async ({ ask, socket }, { listener }) => {
  const ended = once(socket, 'close')
  await ask('now.test')
  listener.limitTo!({ maxQueries: 2 })
  await ask('now.test')
  await soon(ended, 'the end')
})
test('pipelined requests that are in flight at a stop are all answered', () =>
  withEncrypted('https', {}, async ({ port, listener, behaviour }) => {
    const { socket, ended } = await rawOf(port, 'http/1.1')
    let all = ''
    socket.on('data', part => {
      all += String(part)
    })
    const path = `/dns-query?dns=${query('hold.test').toString('base64url')}`
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(3))
    await behaviour.holding(3)
    const stopped = listener.stop()
    behaviour.release()
    await soon(Promise.all([ended, stopped]), 'the end')
    assert.equal(all.match(/^connection: .*$/gim), [
      'Connection: keep-alive',
      'Connection: keep-alive',
      'connection: close',
    ])
  }))

over('stopping answers what is in flight, and says goodbye', {}, async ({ ask, socket }, { listener, behaviour }) => {
  const held = ask('hold.test')
  const idle = await rawOf(listener.port, 'http/1.1')
  await behaviour.holding(1)
  const ended = whenClosed(socket)
  const stopped = listener.stop()
  behaviour.release()
  assert.is((await held).status, 200)
  await soon(Promise.all([stopped, ended, idle.ended]), 'the end')
})

test.run()
