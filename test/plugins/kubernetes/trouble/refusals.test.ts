/**
 * The API server answers, but not with what was asked for: 410, 429, 500, 401, 403, 404. What clients see meanwhile, how
 * often it is asked again, and how long after it is well again all is current.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type FakeFailure, type FakeRequest, SLICES } from '../../../harness/fake-api-server.ts'
import { RESOURCES, TroubleWorld } from './world.ts'

const test = suite('trouble: refusals')
const TROUBLE_MS = 180_000

interface Trouble {
  readonly name: string
  readonly fails: (request: FakeRequest) => FakeFailure | undefined
  /** Versions from before are gone too, so that only a list helps. */
  readonly isCompacted?: boolean
  /** Watches that are open go on; else they break. */
  readonly spares?: boolean
  /** Most requests of one resource within three minutes. */
  readonly asked: number
  readonly told: RegExp
  readonly withinMs?: number
}

const isWatch = ({ verb, isStreamingList }: FakeRequest) => verb === 'watch' && !isStreamingList
const always = (failure: FakeFailure) => () => failure

const TROUBLES: Trouble[] = [
  { name: '500 to everything', fails: always({ status: 500 }), asked: 90, told: /^warn cannot watch/ },
  {
    name: '500 to everything, then only a list helps',
    fails: always({ status: 500 }),
    isCompacted: true,
    asked: 90,
    told: /^warn cannot watch/,
  },
  { name: '503 to everything', fails: always({ status: 503 }), asked: 90, told: /^warn cannot watch/ },
  { name: '504 to everything', fails: always({ status: 504 }), asked: 90, told: /^warn cannot watch/ },
  {
    name: '429 with Retry-After 1, as priority and fairness sends it',
    fails: always({ status: 429, reason: 'TooManyRequests', retryAfter: '1' }),
    asked: 180,
    told: /^warn cannot watch/,
  },
  {
    name: '429 with Retry-After 60: obeyed to the letter, and current within 5 s after that',
    fails: always({ status: 429, reason: 'TooManyRequests', retryAfter: '60' }),
    asked: 4,
    told: /^warn cannot watch/,
    withinMs: 65_000,
  },
  {
    name: '410 to watches, lists in pages go',
    fails: request =>
      isWatch(request) ? { status: 410, reason: 'Expired' } : request.isStreamingList ? { status: 400 } : undefined,
    isCompacted: true,
    asked: 144,
    told: /^warn cannot watch/,
  },
  {
    name: '410 to everything',
    fails: always({ status: 410, reason: 'Gone' }),
    isCompacted: true,
    asked: 96,
    told: /^warn cannot (watch|list) .*: the API server answered 410/,
  },
  {
    name: 'lists fail, watches from versions that are gone do too',
    fails: request => (isWatch(request) ? { status: 410, reason: 'Expired' } : { status: 500 }),
    isCompacted: true,
    asked: 96,
    told: /^warn cannot list/,
  },
  {
    name: '401 to everything',
    fails: always({ status: 401, reason: 'Unauthorized' }),
    asked: 90,
    told: /^error the API server .* does not know us/,
  },
  {
    name: 'RBAC taken away, watches end',
    fails: always({ status: 403, reason: 'Forbidden' }),
    asked: 90,
    told: /^error no permission to watch/,
  },
  {
    name: 'RBAC taken away while watches go on',
    fails: always({ status: 403, reason: 'Forbidden' }),
    spares: true,
    asked: 90,
    told: /^error no permission to watch/,
  },
  {
    name: 'RBAC taken away for one resource',
    fails: ({ path }) => (path === SLICES ? { status: 403, reason: 'Forbidden' } : undefined),
    asked: 90,
    told: /^error no permission to watch endpointslices/,
  },
  {
    name: '404 from whoever stands in its place',
    fails: always({ status: 404 }),
    asked: 90,
    told: /^warn cannot watch/,
  },
]

for (const { name, fails, isCompacted = false, spares = false, asked, told, withinMs = 5_000 } of TROUBLES) {
  test(name, () =>
    TroubleWorld.run(async world => {
      const { server } = world
      await world.pass(30_000)
      server.refuse = fails
      if (isCompacted) {
        server.version++
        server.compact()
      }
      if (!spares) server.cut()
      server.requests.length = 0
      await world.pass(TROUBLE_MS)
      for (const path of RESOURCES) {
        const count = server.requests.filter(request => request.path === path).length
        assert.ok(count <= asked, `found ${count} requests of ${path}, expected at most ${asked}`)
      }
      if (withinMs === 5_000) await world.untilAsked() // the worst moment: it was just asked in vain
      server.refuse = () => undefined
      world.changeMeanwhile()
      if (isCompacted) {
        server.version++
        server.compact()
      }
      await world.converges(withinMs)
      const troubles = world.logged.filter(line => !line.startsWith('info'))
      assert.ok(troubles.length > 0 && troubles.length <= RESOURCES.length, world.logged.join('\n'))
      assert.match(troubles.at(-1)!, told)
    }),
  )
}

test('refused at the start: nothing is known, and heals by itself', () =>
  TroubleWorld.run(
    async world => {
      const { server } = world
      server.refuse = always({ status: 500 })
      await world.start()
      assert.match(await world.ask('web.default.svc.cluster.local'), /^SERVFAIL/)
      await world.pass(TROUBLE_MS, false)
      assert.match(await world.ask('web.default.svc.cluster.local'), /^SERVFAIL/)
      await world.untilAsked()
      server.refuse = () => undefined
      await world.until('ready', 5_000, () => world.stage.ready())
      await world.isKnown()
    },
    { start: false, body: 'startup_timeout 100ms' },
  ))

test.run()
