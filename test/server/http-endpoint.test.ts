import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type HttpEndpoint, type HttpHandler, openHttpEndpoint, respond } from '../../server/http-endpoint.ts'
import { cells, families } from '../../server/metrics.ts'
import { freePort } from '../harness/free-port.ts'

const test = suite('http-endpoint')
const at = (port: number) => ({ host: '127.0.0.1', port })
const says =
  (body: string): HttpHandler =>
  (_, response) =>
    respond(response, 200, body)

async function get(port: number, path: string, init?: RequestInit): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
  return `${response.status} ${await response.text()}`.trim()
}

async function withEndpoint(handler: HttpHandler, task: (endpoint: HttpEndpoint) => Promise<void>): Promise<void> {
  const endpoint = await openHttpEndpoint(at(0), '/x', handler)
  try {
    await task(endpoint)
  } finally {
    await endpoint.close()
  }
}

const REQUESTS: { name: string; path: string; init?: RequestInit; gives: string }[] = [
  { name: 'the path', path: '/x', gives: '200 hello' },
  { name: 'the path with a query', path: '/x?a=/y', gives: '200 hello' },
  { name: 'HEAD', path: '/x', init: { method: 'HEAD' }, gives: '200' },
  { name: 'another path', path: '/y', gives: '404 404 page not found' },
  { name: 'another method', path: '/x', init: { method: 'DELETE' }, gives: '405 expected GET or HEAD' },
  { name: 'a body', path: '/x', init: { method: 'POST', body: 'a' }, gives: '413 this endpoint takes no request body' },
]

for (const { name, path, init, gives } of REQUESTS) {
  test(`answers ${name}`, () =>
    withEndpoint(says('hello'), async ({ port }) => assert.is(await get(port, path, init), gives)))
}

test('an exception of the handler is a 500 and no more', async () => {
  const failing = () => {
    throw new Error('no figures')
  }
  await withEndpoint(failing, async ({ port }) => {
    assert.is(await get(port, '/x'), '500 no figures')
    assert.is(await get(port, '/x'), '500 no figures')
  })
})

test('one address is one server, and each path goes to its own', async () => {
  const port = await freePort()
  const x = await openHttpEndpoint(at(port), '/x', says('x'))
  const y = await openHttpEndpoint(at(port), '/y', says('y'))
  assert.is(await get(port, '/x'), '200 x')
  assert.is(await get(port, '/y'), '200 y')
  await x.close()
  assert.is(await get(port, '/x'), '404 404 page not found')
  assert.is(await get(port, '/y'), '200 y')
  await y.close()
})

test('the oldest one answers until a newer one is activated, and again when that goes', async () => {
  const port = await freePort()
  const old = await openHttpEndpoint(at(port), '/x', says('old'))
  const young = await openHttpEndpoint(at(port), '/x', says('young'))
  assert.is(await get(port, '/x'), '200 old')
  young.activate()
  assert.is(await get(port, '/x'), '200 young')
  await young.close()
  assert.is(await get(port, '/x'), '200 old')
  await old.close()
})

test('a port that is in use is named', async () => {
  const busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const { port } = busy.address() as AddressInfo
  try {
    await openHttpEndpoint(at(port), '/x', says('x'))
    assert.unreachable('it was opened')
  } catch (error) {
    assert.is(
      (error as Error).message,
      `cannot listen on http://127.0.0.1:${port}: the port is in use, expected a free one`,
    )
  }
  await new Promise(resolve => busy.close(resolve))
  const endpoint = await openHttpEndpoint(at(port), '/x', says('x'))
  assert.is(await get(port, '/x'), '200 x')
  await endpoint.close()
})

test('close lets a request end, and frees the port', async () => {
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>()
  const { promise: goOn, resolve: answer } = Promise.withResolvers<void>()
  const endpoint = await openHttpEndpoint(at(0), '/x', async (_, response) => {
    wasAsked()
    await goOn
    respond(response, 200, 'late')
  })
  const { port } = endpoint
  const waiting = get(port, '/x', { headers: { connection: 'close' } })
  await asked
  const closed = endpoint.close()
  answer()
  assert.is(await waiting, '200 late')
  await closed
  const again = createServer().listen(port, '127.0.0.1')
  await once(again, 'listening')
  again.close()
})

test('close does not wait for a client that does nothing', async () => {
  const endpoint = await openHttpEndpoint(at(0), '/x', says('x'))
  const idle = connect(endpoint.port, '127.0.0.1')
  await once(idle, 'connect')
  const startedMs = performance.now()
  await Promise.all([endpoint.close(), once(idle, 'close')])
  assert.ok(performance.now() - startedMs < 20_000)
})

test('a client that sends on and on is closed, and one request after the other is not', async () => {
  let asked = 0
  const counting: HttpHandler = (_, response) => {
    asked++
    respond(response, 200, 'x'.repeat(1 << 16))
  }
  await withEndpoint(counting, async ({ port }) => {
    const client = connect(port, '127.0.0.1').on('error', () => {})
    client.resume()
    const closed = once(client, 'close')
    client.write('GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000))
    await closed
    assert.ok(asked <= 8, `${asked} requests`)
    asked = 0
    const patient = connect(port, '127.0.0.1')
    for (let i = 1; i <= 30; i++) {
      patient.write('HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n')
      await once(patient, 'data')
      assert.is(asked, i)
    }
    patient.destroy()
  })
})

test('a client that holds more connections than there may be keeps nobody else out', async () => {
  const endpoint = await openHttpEndpoint(at(0), '/x', says('x'))
  const greedy = Array.from({ length: 300 }, () => connect(endpoint.port, '127.0.0.1'))
  for (const socket of greedy) socket.on('error', () => {})
  await Promise.all(greedy.map(socket => once(socket, 'connect')))
  const modest = connect({ port: endpoint.port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  modest.write('GET /x HTTP/1.1\r\nhost: x\r\n\r\n')
  const [first] = await once(modest, 'data')
  assert.match(String(first), /^HTTP\/1.1 200 /)
  assert.is(await get(endpoint.port, '/x'), '200 x')
  // The others still are there, and what was given up was the greedy one's.
  modest.write('GET /x HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(modest, 'data')
  const family = families.get('sextant_http_connections')!
  assert.ok(cells[family.children.get(`127.0.0.1:0`)!.cell]! <= 256)
  assert.ok(cells[families.get('sextant_http_closed_total')!.children.get(`127.0.0.1:0`)!.cell]! >= 45)
  for (const socket of [...greedy, modest]) socket.destroy()
  await endpoint.close()
})

const MAX_CONNECTIONS = 256

for (const { name, request } of [
  { name: 'say nothing', request: '' },
  { name: 'take no response', request: 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4) },
]) {
  test(`clients that ${name} shut nobody out: the oldest connection makes room`, () =>
    withEndpoint(says('x'.repeat(1 << 18)), async ({ port }) => {
      const connections: Socket[] = []
      let ended = 0
      for (let i = 0; i < MAX_CONNECTIONS + 20; i++) {
        const socket = connect(port, '127.0.0.1').pause()
        socket.on('error', () => {}).on('close', () => ended++)
        connections.push(socket)
        await once(socket, 'connect')
        socket.write(request)
      }
      assert.match(await get(port, '/x'), /^200 x+$/)
      for (const socket of connections) socket.resume()
      for (const deadlineMs = performance.now() + 20_000; ended < 20; await new Promise(setImmediate))
        assert.ok(performance.now() < deadlineMs, `${ended} were closed`)
      for (const socket of connections) socket.destroy()
    }))
}

test.run()
