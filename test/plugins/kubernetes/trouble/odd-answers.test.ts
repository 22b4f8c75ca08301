/**
 * What answers is no API server, or one that is out of its mind. Each is asked again within 4 s or as long as it asks for,
 * is told with one line, and what is known is answered all the while; once it is well again all is current.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type FakeFailure, SERVICES } from '../../../harness/fake-api-server.ts'
import { TroubleWorld } from './world.ts'

const test = suite('trouble: odd answers')
const TROUBLE_MS = 120_000
/** Most requests of one resource meanwhile: every 2 to 4 s, and lists twice where they fail as streams. */
const MOST = 70

interface Odd {
  readonly name: string
  readonly body?: () => AsyncIterable<Uint8Array>
  readonly contentType?: string
  readonly failure?: FakeFailure
  readonly told: RegExp
}

const text = (octets: string) =>
  async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(octets)
  }
const JSON_TYPE = 'application/json'
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf'

const ODD: Odd[] = [
  {
    name: '200 with HTML',
    body: text('<html>Welcome</html>'),
    contentType: 'text/html; charset=utf-8',
    told: /cannot watch services, trying again: found an answer of type "text\/html; charset=utf-8", expected application/,
  },
  {
    name: '200 with HTML that is said to be JSON',
    body: text('<html>Welcome</html>'),
    contentType: JSON_TYPE,
    told: /cannot watch services, trying again: found "<" between objects/,
  },
  {
    name: '200 with HTML and no octet of it',
    body: text(''),
    contentType: 'text/html',
    told: /cannot watch services, trying again: found an answer of type "text\/html"/,
  },
  {
    name: '200 with nothing',
    body: text(''),
    contentType: JSON_TYPE,
    told: /cannot watch services, trying again: found a watch that ended at once/,
  },
  {
    name: 'Protocol Buffers that are none',
    body: text('\0\0\0\x03abc'),
    contentType: PROTOBUF_TYPE,
    told: /cannot watch services, trying again: found /,
  },
  {
    name: 'JSON that is said to be Protocol Buffers',
    body: text('{"type":"BOOKMARK","object":{}}\n'),
    contentType: PROTOBUF_TYPE,
    told: /cannot watch services, trying again: found /,
  },
  {
    name: 'a redirect',
    failure: { status: 302, message: 'Found' },
    told: /cannot watch services, trying again: the API server answered 302: Found/,
  },
]

for (const { name, body, contentType = JSON_TYPE, failure, told } of ODD) {
  for (const isCompacted of [false, true]) {
    test(`${name}${isCompacted ? ', and only a list helps' : ''}`, () =>
      TroubleWorld.run(async world => {
        const { server } = world
        await world.pass(30_000)
        server.contentType = contentType
        if (body !== undefined) server.body = body
        server.ends = true
        if (failure !== undefined) server.refuse = () => failure
        if (isCompacted) {
          server.version++
          server.compact()
        }
        server.cut()
        server.requests.length = 0
        await world.pass(TROUBLE_MS)
        const asked = server.requests.filter(({ path }) => path === SERVICES).length
        assert.ok(asked >= TROUBLE_MS / 4_500 && asked <= MOST, `found ${asked} requests`)
        const troubles = world.logged.filter(line => line.startsWith('warn') && line.includes('services'))
        assert.is(troubles.length, 1, world.logged.join('\n'))
        assert.match(troubles[0]!, told)
        await world.untilAsked()
        server.body = () => undefined
        server.refuse = () => undefined
        world.changeMeanwhile()
        if (isCompacted) {
          server.version++
          server.compact()
        }
        await world.converges()
      }))
  }
}

for (const { name, failure } of [
  { name: 'Retry-After of a million years', failure: { status: 429, retryAfter: '31556952000000' } },
  { name: 'Retry-After of more than fits', failure: { status: 503, retryAfter: '9'.repeat(400) } },
  { name: 'a Status that asks for a thousand years', failure: { status: 429, retryAfterSeconds: 31_556_952_000 } },
] satisfies { name: string; failure: FakeFailure }[]) {
  test(`${name}: an hour`, () =>
    TroubleWorld.run(async world => {
      const { server } = world
      await world.pass(30_000)
      server.refuse = () => failure
      server.cut()
      server.requests.length = 0
      await world.pass(3_500_000)
      const asked = server.requests.filter(({ path }) => path === SERVICES).length
      assert.ok(asked >= 1 && asked <= 3, `found ${asked} requests`)
      server.refuse = () => undefined
      world.changeMeanwhile()
      await world.converges(200_000)
    }))
}

test('a streaming list without an end is given up within ten minutes, for one in pages', () =>
  TroubleWorld.run(async world => {
    const { server, clock } = world
    await world.pass(30_000)
    server.endless = true
    server.body = ({ isStreamingList, path }) =>
      isStreamingList && path === SERVICES
        ? (async function* () {
            for (let i = 0; ; i++) {
              const metadata = { namespace: 'default', name: `on-and-on-${i % 10}`, resourceVersion: `${i + 1}` }
              yield Buffer.from(`${JSON.stringify({ type: 'ADDED', object: { metadata, spec: {} } })}\n`)
              await new Promise<void>(resolve => clock.after(5_000, resolve))
            }
          })()
        : undefined
    server.version++
    server.compact()
    server.cut()
    world.changeMeanwhile()
    await world.converges(620_000)
    const troubles = world.logged.filter(line => line.startsWith('warn'))
    assert.is(troubles.length, 1, world.logged.join('\n'))
    assert.match(troubles[0]!, /^warn cannot list services, trying again: found no end of a streaming list after \d+ s/)
  }))

test.run()
