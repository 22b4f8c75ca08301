import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ListenError, type ListenerOptions, listen } from '../../../server/listen/listen.ts'
import { clientHello } from '../../harness/client-hello.ts'
import { framed } from '../../harness/frames.ts'
import { query, readReply, replyText, text } from '../../harness/message.ts'
import { pem } from '../../harness/tls.ts'
import { connectTls, counted, type Encrypted, policy, whenClosed, withEncrypted } from './encrypted.ts'
import { Behaviour, eventually, firstText, soon, TcpClient } from './fixture.ts'

const test = suite('tls')

/** A test over one connection. */
function over(
  name: string,
  options: Partial<ListenerOptions>,
  body: (client: TcpClient, at: Encrypted) => Promise<void>,
): void {
  test(name, () =>
    withEncrypted('tls', { server: `tls://:${name}`, ...options }, async at => {
      const client = TcpClient.on(await connectTls(at.port))
      try {
        await body(client, at)
      } finally {
        client.close()
      }
    }),
  )
}

over('answers, at once and later', {}, async client => {
  for (const name of ['now', 'later'])
    assert.is(
      replyText(await client.ask(query(`${name}.test`))),
      text`
        NOERROR rd
        ;; ANSWER
        ${name}.test. 30 IN A 10.0.0.1`,
    )
})

over('tells who asked, and which address', {}, async client => {
  const { localPort } = client.socket
  for (const name of ['who.test', 'wholater.test'])
    assert.is(firstText(await client.ask(query(name, { type: 'TXT' }))), `127.0.0.1 ${localPort} 4 127.0.0.1`)
})

over('many queries at a time, answered as they finish', {}, async (client, { behaviour }) => {
  client.send(...[1, 2, 3].map(id => query(id === 2 ? 'hold.test' : 'now.test', { id })))
  await client.until(2)
  behaviour.release()
  await client.until(3)
  assert.equal(
    client.replies.map(reply => readReply(reply).id),
    [1, 3, 2],
  )
})

over('replies of several messages', {}, async client => {
  client.send(query('parts20.test'))
  await client.until(20)
  assert.ok(client.replies.every(reply => readReply(reply).answers!.length === 2000))
})

over('one octet at a time', {}, async client => {
  for (const octet of framed(query('now.test'))) await new Promise(done => client.socket.write(Buffer.of(octet), done))
  await client.until(1)
})

over('a client that has said all is answered, then closed', {}, async (client, { behaviour }) => {
  client.send(query('hold.test'))
  client.socket.end()
  await behaviour.holding(1)
  behaviour.release()
  await client.until(1)
  await soon(client.ended, 'the end')
})

over('what is no query closes', {}, async client => {
  client.socket.write(Buffer.from([0, 3, 1, 2, 3]))
  await soon(client.ended, 'the end')
})

over('idle connections are closed', { tcp: { idleMs: 50, writeMs: 50 } }, async client => {
  await client.ask(query('now.test'))
  await soon(client.ended, 'the end')
  assert.is(counted('sextant_tcp_closed_total', 'tls://:idle connections are closed', 'idle'), 1)
})

over('a client that never reads is let go', { tcp: { writeMs: 100 } }, async client => {
  client.socket.pause()
  for (let i = 0; i < 1000; i++) client.send(query('big.test'))
  const name = 'tls://:a client that never reads is let go'
  const told = () => ['write', 'buffer'].some(reason => counted('sextant_tcp_closed_total', name, reason) === 1)
  await eventually(told, 'the server giving up')
})

test('a handshake has three seconds, whoever trickles or says nothing', () =>
  withEncrypted('tls', { server: 'tls://:slow' }, async ({ port }) => {
    const startMs = performance.now()
    const silent = connect(port, '127.0.0.1')
    const begun = connect(port, '127.0.0.1')
    begun.write(Buffer.from([22, 3, 1, 1, 0])) // the head of a record that never comes
    await Promise.all([soon(whenClosed(silent), 'silent', 30_000), soon(whenClosed(begun), 'begun', 30_000)])
    const tookMs = performance.now() - startMs
    assert.ok(tookMs > 2900, `${tookMs} ms`)
    assert.is(counted('sextant_tls_handshakes_total', 'tls://:slow', 'timeout'), 2)
  }))

test('a client that leaves in the middle of its handshake is forgotten at once', () =>
  withEncrypted('tls', { server: 'tls://:left' }, async ({ port }) => {
    const hello = await clientHello()
    for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(hello)
      await once(socket, 'data')
      socket[end]()
    }
    const left = () => counted('sextant_tls_handshakes_total', 'tls://:left', 'failed')
    await eventually(() => left() === 3, 'three that left')
    assert.is(counted('sextant_tls_handshakes_total', 'tls://:left', 'timeout'), 0)
  }))

async function connectFrom(localAddress: string, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  await once(socket, 'connect')
  return socket
}

test('of too many that say nothing the oldest of the address with the most is closed', () =>
  withEncrypted('tls', {}, async ({ port }) => {
    const other = await connectFrom('127.0.0.2', port)
    const first = await connectFrom('127.0.0.3', port)
    const isClosed = whenClosed(first)
    const many = await Promise.all(Array.from({ length: 1023 }, () => connectFrom('127.0.0.3', port)))
    await soon(isClosed, 'the oldest of many')
    other.write(await clientHello())
    await soon(once(other, 'data'), 'its handshake')
    for (const socket of [other, ...many]) socket.destroy()
  }))

test('addresses take turns with their handshakes', () =>
  withEncrypted('tls', {}, async ({ port }) => {
    const hello = await clientHello()
    const many = await Promise.all(Array.from({ length: 100 }, () => connectFrom('127.0.0.3', port)))
    const other = await connectFrom('127.0.0.2', port)
    let begun = 0
    for (const socket of many) {
      socket.once('data', () => begun++)
      socket.write(hello)
    }
    other.write(hello)
    await soon(once(other, 'data'), 'its handshake')
    assert.ok(begun < 50, `${begun} of 100 were before it`)
    for (const socket of [other, ...many]) socket.destroy()
  }))

test('of too many that say nothing the oldest is closed', () =>
  withEncrypted('tls', { server: 'tls://:full' }, async ({ port }) => {
    const first = connect(port, '127.0.0.1')
    await once(first, 'connect')
    const isClosed = whenClosed(first)
    const others = Array.from({ length: 1023 }, () => connect(port, '127.0.0.1'))
    await Promise.all(others.map(socket => once(socket, 'connect')))
    const client = TcpClient.on(await connectTls(port))
    await soon(isClosed, 'the oldest')
    await client.ask(query('now.test'))
    assert.is(counted('sextant_tls_handshakes_total', 'tls://:full', 'limit'), 1)
    for (const socket of [...others, client]) 'destroy' in socket ? socket.destroy() : socket.close()
  }))

test('what comes before the start waits', async () => {
  const listener = await listen('tls', '127.0.0.1', 0, {
    routes: new Behaviour().routes,
    server: 'tls://:early',
    secure: { policy: policy() },
  })
  const connecting = connectTls(listener.port)
  await new Promise(resolve => setTimeout(resolve, 50))
  listener.start()
  const socket = await soon(connecting, 'the handshake')
  socket.destroy()
  await listener.stop()
})

test('a new certificate is for new connections, and ends none', () =>
  withEncrypted('tls', {}, async ({ listener, port }) => {
    const before = TcpClient.on(await connectTls(port))
    listener.secure!({ policy: policy('next-server') })
    const socket = await connectTls(port, { ca: pem('next-ca.crt') })
    assert.ok(socket.authorized)
    for (const client of [before, TcpClient.on(socket)]) {
      await client.ask(query('now.test'))
      client.close()
    }
    let reason = ''
    await connectTls(port).catch(cause => {
      reason = cause.code
    })
    assert.match(reason, /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT)/)
  }))

const SHOWN = { nothing: {}, 'a valid one': 'client', 'one of another': 'nameless' } as const
const ASKED: { clientAuth: ReturnType<typeof policy>['clientAuth']; admits: (keyof typeof SHOWN)[] }[] = [
  { clientAuth: 'nocert', admits: ['nothing', 'a valid one', 'one of another'] },
  { clientAuth: 'request', admits: ['nothing', 'a valid one', 'one of another'] },
  { clientAuth: 'require', admits: ['a valid one', 'one of another'] },
  { clientAuth: 'verify_if_given', admits: ['nothing', 'a valid one'] },
  { clientAuth: 'require_and_verify', admits: ['a valid one'] },
]
for (const { clientAuth, admits } of ASKED) {
  for (const [shown, name] of Object.entries(SHOWN) as [keyof typeof SHOWN, string | object][]) {
    const isAdmitted = admits.includes(shown)
    test(`client_auth ${clientAuth} ${isAdmitted ? 'takes' : 'refuses'} ${shown}`, () => {
      const secure = { policy: policy('server', { ca: pem('ca.crt'), clientAuth }) }
      return withEncrypted('tls', { secure }, async ({ port }) => {
        const own = typeof name === 'string' ? { cert: pem(`${name}.crt`), key: pem(`${name}.key`) } : {}
        const socket = await connectTls(port, own) // with TLS 1.3 the client is done before it is judged
        const client = TcpClient.on(socket)
        client.send(query('now.test'))
        await eventually(() => client.replies.length > 0 || client.hasEnded, 'a reply or the end')
        assert.is(client.replies.length, isAdmitted ? 1 : 0)
        client.close()
      })
    })
  }
}

test('a connection too many takes the place of one that is idle', () =>
  withEncrypted('tls', { server: 'tls://:crowd', tcp: { maxConnections: 1 } }, async ({ port }) => {
    const first = TcpClient.on(await connectTls(port))
    await first.ask(query('now.test'))
    const second = TcpClient.on(await connectTls(port))
    await soon(first.ended, 'the idle one')
    await second.ask(query('now.test'))
    assert.is(counted('sextant_tcp_closed_total', 'tls://:crowd', 'limit'), 1)
    second.close()
  }))

test('a port in use is told', () =>
  withEncrypted('tls', {}, async ({ listener, port }) => {
    const options = { routes: listener.routes, server: 'tls://:again', secure: { policy: policy() } }
    const cause = await listen('tls', '127.0.0.1', port, options).catch(error => error)
    assert.instance(cause, ListenError)
    assert.is(cause.code, 'EADDRINUSE')
  }))

test('stopping answers what is in flight, and ends handshakes', () =>
  withEncrypted('tls', {}, async ({ listener, port, behaviour }) => {
    const client = TcpClient.on(await connectTls(port))
    client.send(query('hold.test'))
    const silent = connect(port, '127.0.0.1')
    await Promise.all([once(silent, 'connect'), behaviour.holding(1)])
    const stopped = listener.stop()
    behaviour.release()
    await client.until(1)
    await soon(Promise.all([stopped, client.ended, whenClosed(silent)]), 'the end')
  }))

test.run()
