/** RFC 8484, DNS over HTTPS, over HTTP/2 and HTTP/1.1. */
import { once } from 'node:events'
import { request as request1 } from 'node:http'
import { type ClientHttp2Session, connect as connect2, type IncomingHttpHeaders } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { encode, type Packet } from 'dns-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { query, readReply, replyText, text } from '../harness/message.ts'
import { type RunningServer, startServer } from '../harness/server.ts'
import { tlsFolder } from '../harness/tls.ts'
import { connectTls } from '../server/listen/encrypted.ts'
import { soon } from '../server/listen/fixture.ts'

const test = suite('rfc8484')
const TYPE = 'application/dns-message'
const examples = `${import.meta.dirname}/../../examples/manifests`

const COREFILE = `https://.:0 {
    bind 127.0.0.1
    tls ${tlsFolder}/server.crt ${tlsFolder}/server.key
    hosts {
        192.0.2.1 host.example
        ttl 77
        fallthrough
    }
    kubernetes cluster.local {
        manifests ${examples}
    }
}`

interface Request {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

interface Response {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

type Send = (request: Request) => Promise<Response>

function overHttp2(session: ClientHttp2Session): Send {
  return async ({ method = 'GET', path = '/dns-query', headers = {}, body }) => {
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined })
    stream.on('error', () => {})
    const parts: Buffer[] = []
    stream.on('data', part => parts.push(part as Buffer))
    if (body !== undefined) stream.end(body)
    const hasEnded = once(stream, 'end')
    hasEnded.catch(() => {}) // that it failed is told by the response
    const [got] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }]
    await hasEnded
    return { status: got[':status'], headers: got, body: Buffer.concat(parts) }
  }
}

function overHttp1(socket: TLSSocket): Send {
  return async ({ method = 'GET', path = '/dns-query', headers = {}, body }) => {
    const sent = request1({ createConnection: () => socket, method, path, headers: { host: 'localhost', ...headers } })
    sent.on('error', () => {})
    sent.end(body)
    const [response] = await once(sent, 'response')
    const parts: Buffer[] = []
    for await (const part of response) parts.push(part as Buffer)
    return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }
  }
}

let server: RunningServer
let port = 0
test.before(async () => {
  server = await startServer(COREFILE)
  port = server.port
})
test.after(() => server.stop())

const WAYS: { name: string; open: () => Promise<{ send: Send; close: () => void }> }[] = [
  {
    name: 'HTTP/2',
    async open() {
      const socket = await connectTls(port, { ALPNProtocols: ['h2'] })
      const session = connect2('https://localhost', { createConnection: () => socket })
      session.on('error', () => {})
      return { send: overHttp2(session), close: () => session.destroy() }
    },
  },
  {
    name: 'HTTP/1.1',
    async open() {
      const socket = await connectTls(port, { ALPNProtocols: ['http/1.1'] })
      return { send: overHttp1(socket), close: () => socket.destroy() }
    },
  },
]

const get = (message: Uint8Array) => ({ path: `/dns-query?dns=${Buffer.from(message).toString('base64url')}` })
const post = (message: Uint8Array, type: string | undefined = TYPE) => ({
  method: 'POST',
  body: message,
  headers: type === '' ? {} : { 'content-type': type },
})

interface Row {
  readonly id: string
  readonly name: string
  readonly request: Request
  readonly status: number
  readonly maxAge?: number
  readonly says?: string
  readonly allow?: string
  /** Octets of the body, where it is no reply. */
  readonly bodyBytes?: number
}

const HOST = query('host.example', { edns: 1232 })
const ANSWER = text`
  NOERROR aa rd
  ;; ANSWER
  host.example. 77 IN A 192.0.2.1`
const LONG = { dns: 'A'.repeat(100_000) }

const ROWS: Row[] = [
  { id: 'H4', name: '§4.1, §5.1: GET', request: get(HOST), status: 200, maxAge: 77, says: ANSWER },
  { id: 'H4', name: 'POST', request: post(HOST), status: 200, maxAge: 77, says: ANSWER },
  {
    id: 'H4',
    name: 'parameters that mean nothing',
    request: { path: `${get(HOST).path}&ct=x&d=2` },
    status: 200,
    says: ANSWER,
  },
  {
    id: 'H4',
    name: 'a media type in capitals',
    request: post(HOST, 'Application/DNS-Message; a=b'),
    status: 200,
    says: ANSWER,
  },
  {
    id: 'H5',
    name: '§4.2.1: NXDOMAIN is a success, as fresh as its SOA',
    request: get(query('nobody.default.svc.cluster.local')),
    status: 200,
    maxAge: 5,
  },
  {
    id: 'H5',
    name: 'so is REFUSED, which is not to be kept',
    request: get(query('elsewhere.test')),
    status: 200,
    maxAge: 0,
  },
  {
    id: 'H5',
    name: 'so is NOTIMP',
    request: get(Buffer.from('4b3828000001000000000000', 'hex')),
    status: 200,
    maxAge: 0,
  },
  { id: 'H6', name: '§6: POST without media type', request: post(HOST, ''), status: 415 },
  { id: 'H6', name: 'POST of another media type', request: post(HOST, 'application/dns-json'), status: 415 },
  { id: 'H7', name: '§4.1: GET without dns', request: { path: '/dns-query' }, status: 400 },
  {
    id: 'H7',
    name: 'GET with other parameters',
    request: { path: '/dns-query?name=host.example&type=A' },
    status: 400,
  },
  { id: 'H7', name: 'dns is empty', request: { path: '/dns-query?dns=' }, status: 400 },
  { id: 'H7', name: 'dns is no base64url', request: { path: '/dns-query?dns=S!gBAA' }, status: 400 },
  { id: 'H7', name: 'dns has a length that base64 has not', request: { path: '/dns-query?dns=AAAAA' }, status: 400 },
  { id: 'H7', name: 'dns twice', request: { path: `${get(HOST).path}&${get(HOST).path.slice(11)}` }, status: 400 },
  { id: 'H7', name: 'too short for a message', request: get(HOST.subarray(0, 11)), status: 400 },
  {
    id: 'H7',
    name: 'a response',
    request: get(Buffer.concat([HOST.subarray(0, 2), Buffer.of(0x81), HOST.subarray(3)])),
    status: 400,
  },
  { id: 'H7', name: 'POST of nothing', request: post(Buffer.alloc(0)), status: 400 },
  {
    id: 'H8',
    name: '§6: base64url with padding',
    request: { path: `${get(HOST.subarray(0, 34)).path}==` },
    status: 400,
  },
  {
    id: 'H9',
    name: 'RFC 9110 §15.5.6: PUT',
    request: { ...post(HOST), method: 'PUT' },
    status: 405,
    allow: 'GET, HEAD, POST',
  },
  { id: 'H9', name: 'DELETE', request: { method: 'DELETE' }, status: 405, allow: 'GET, HEAD, POST' },
  {
    id: 'H9',
    name: 'RFC 9110 §9.3.2: HEAD has no body',
    request: { ...get(HOST), method: 'HEAD' },
    status: 200,
    maxAge: 77,
    bodyBytes: 0,
  },
  { id: 'H10', name: 'POST of 70 KB', request: post(Buffer.alloc(70_000)), status: 413 },
  { id: 'H10', name: 'GET of 6 KB', request: { path: `/dns-query?dns=${'A'.repeat(6000)}` }, status: 414 },
  { id: 'H11', name: 'another path', request: { path: '/resolve' }, status: 404 },
  { id: 'H11', name: 'a longer path', request: { path: `/dns-query/${get(HOST).path.slice(10)}` }, status: 404 },
]

for (const way of WAYS) {
  for (const { id, name, request, status, maxAge, says, allow, bodyBytes } of ROWS) {
    test(`${id}: ${name} (${way.name})`, async () => {
      const { send, close } = await way.open()
      try {
        const response = await soon(send(request), 'a response')
        assert.is(response.status, status)
        assert.is(response.headers['content-type'], status === 200 ? TYPE : undefined)
        if (status === 200) assert.match(response.headers['cache-control']!, /^max-age=\d+$/)
        if (maxAge !== undefined) assert.is(response.headers['cache-control'], `max-age=${maxAge}`)
        if (bodyBytes !== undefined) assert.is(response.body.length, bodyBytes)
        else if (status === 200) assert.is(Number(response.headers['content-length']), response.body.length)
        if (says !== undefined) assert.is(replyText(response.body), says)
        assert.is(response.headers.allow, allow)
      } finally {
        close()
      }
    })
  }

  test(`H10: GET of 100 KB is refused before it is read (${way.name})`, async () => {
    const { send, close } = await way.open()
    const refused = send({ path: `/dns-query?dns=${LONG.dns}` }).then(
      ({ status }) => status,
      () => 'reset',
    )
    const found = await soon(refused, 'a refusal')
    assert.ok([400, 413, 414, 431, 'reset'].includes(found), String(found))
    close()
  })

  test(`H10: POST of 70 KB in parts, of unknown length (${way.name})`, async () => {
    const { send, close } = await way.open()
    const chunked = way.name === 'HTTP/2' ? {} : { 'transfer-encoding': 'chunked' }
    const whole = post(Buffer.alloc(70_000))
    assert.is((await soon(send({ ...whole, headers: { ...whole.headers, ...chunked } }), 'a response')).status, 413)
    close()
  })

  test(`F31: RFC 8467 §4.1: a padded query gets a padded reply (${way.name})`, async () => {
    const { send, close } = await way.open()
    const options = [{ code: 'PADDING', length: 60 }]
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options }
    const questions = [{ name: 'host.example', type: 'A', class: 'IN' }]
    const padded = encode({ type: 'query', id: 0, flags: 0x100, questions, additionals: [opt] } as unknown as Packet)
    const { body } = await send(post(padded))
    assert.is(body.length, 468)
    assert.is(readReply(body).answers!.length, 1)
    close()
  })

  test(`many at a time, each its own reply (${way.name})`, async () => {
    const { send, close } = await way.open()
    const ids = way.name === 'HTTP/2' ? Array.from({ length: 100 }, (_, id) => id) : [1]
    const replies = await Promise.all(ids.map(id => send(post(query('host.example', { id })))))
    assert.equal(
      replies.map(({ body }) => readReply(body).id),
      ids,
    )
    close()
  })
}

test.run()
