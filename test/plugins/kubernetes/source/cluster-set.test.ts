/** A cluster set from an API server whose CustomResourceDefinition comes and goes, down to the answers. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { acquireFeed } from '../../../../plugins/kubernetes/feed.ts'
import { Kubernetes } from '../../../../plugins/kubernetes/handler.ts'
import { ApiSource } from '../../../../plugins/kubernetes/source/api.ts'
import {
  FakeApiServer,
  type FakeFailure,
  type FakeObject,
  type FakeRequest,
  IMPORTS,
  NAMESPACES,
  SERVICES,
  SLICES,
} from '../../../harness/fake-api-server.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'
import { testSite, wire } from '../../../harness/stage.ts'
import { importedSlice, namespace, service, serviceImport, settingsOf } from '../cluster.ts'

const test = suite('cluster set')
const NAME = 'web.prod.svc.clusterset.local'
const RETRY_MS = 800
const IMPORT = serviceImport('web.prod', ['10.112.0.1'], ['http:tcp:80']) as FakeObject

const notInstalled = ({ path }: FakeRequest): FakeFailure | undefined =>
  path === IMPORTS ? { status: 404, message: 'the server could not find the requested resource' } : undefined

interface World {
  readonly server: FakeApiServer
  readonly stage: Kubernetes
  readonly logged: string[]
  ask(name: string): Promise<string>
  /** Lets time pass until ServiceImports are asked for again. */
  askAgain(): Promise<void>
  /** Lets time pass until operators are told that ServiceImports are unknown. */
  untilUnknown(): Promise<void>
  /** Resolves once the answer has this beginning. */
  until(name: string, beginning: string): Promise<void>
}

/** A stage on an API server that has what a cluster set needs but the CustomResourceDefinition, synced. */
async function run(scenario: (world: World) => Promise<void>): Promise<void> {
  const server = await FakeApiServer.start()
  server.refuse = notInstalled
  server.put(NAMESPACES, namespace('prod') as FakeObject)
  server.put(SERVICES, service('web.prod', ['10.96.0.1']) as FakeObject)
  server.put(SLICES, importedSlice('db-1.prod', 'db', 'east', ['10.1.0.5=db-0'], ['pg:tcp:5432']) as FakeObject)
  const settings = settingsOf(
    'cluster.local clusterset.local',
    `endpoint ${server.url}\nmulticluster clusterset.local\nstartup_timeout 1m`,
  )
  if (!('api' in settings.source)) throw new Error('no API')
  const { api } = settings.source
  const clock = new FakeClock()
  const logged: string[] = []
  const note = (level: string) => (_: string | undefined, text: string) => void logged.push(`${level} ${text}`)
  const log = { info: note('info'), warn: note('warn'), error: note('error') }
  const makeSource = () => new ApiSource(api, { clock, jitter: () => 0.5, log })
  const feed = acquireFeed(server.url, { kinds: api.kinds, endpointPodNames: false, makeSource })
  const stage = new Kubernetes(settings, testSite(), feed)
  const { ask } = wire([stage])
  const until = async (name: string, beginning: string) => {
    while (!(await ask(name)).startsWith(beginning)) await turn()
  }
  const askAgain = async () => clock.advance(await clock.waiting(ms => ms >= 5_000 && ms < 10_000))
  const untilUnknown = async () => {
    while (!/does not know/.test(logged.at(-1)!)) {
      clock.advance(RETRY_MS) // a watch that ended at once is not opened again at once
      await turn()
    }
  }
  try {
    await stage.start(undefined)
    await scenario({ server, stage, logged, ask, askAgain, untilUnknown, until })
  } finally {
    await stage.stop()
    await server.close()
  }
}

const turn = () => new Promise(resolve => setTimeout(resolve, 1))

test('not installed: ready, all its names are NXDOMAIN, those of the cluster are answered, told once', () =>
  run(async ({ server, stage, logged, ask, askAgain }) => {
    assert.ok(stage.ready())
    assert.match(await ask(NAME), /^NXDOMAIN aa/)
    assert.match(await ask('web.prod.svc.cluster.local'), ' A 10.96.0.1')
    await askAgain()
    await askAgain()
    await server.until(() => server.requests.filter(({ path }) => path === IMPORTS).length >= 3)
    assert.equal(logged, [
      `info the API server ${server.url} does not know serviceimports.multicluster.x-k8s.io: there are none`,
    ])
  }))

test('installed later: its objects are answered; uninstalled: they are gone; and once more', () =>
  run(async ({ server, stage, ask, askAgain, untilUnknown, until }) => {
    for (let round = 0; round < 2; round++) {
      server.refuse = () => undefined
      server.put(IMPORTS, IMPORT)
      await askAgain()
      await until(NAME, 'NOERROR')
      assert.match(await ask(NAME), ' A 10.112.0.1')
      server.put(IMPORTS, serviceImport('db.prod', []) as FakeObject)
      await until('db-0.east.db.prod.svc.clusterset.local', 'NOERROR')
      // What an API server does when a CustomResourceDefinition goes: its objects are deleted, its watches end.
      server.refuse = notInstalled
      server.delete(IMPORTS, 'prod', 'web')
      server.delete(IMPORTS, 'prod', 'db')
      server.endWatches(IMPORTS)
      await until(NAME, 'NXDOMAIN')
      await untilUnknown()
      assert.ok(stage.ready())
      assert.match(await ask('web.prod.svc.cluster.local'), ' A 10.96.0.1')
    }
  }))

test('uninstalled without a word for each object', () =>
  run(async ({ server, askAgain, untilUnknown, until }) => {
    server.refuse = () => undefined
    server.put(IMPORTS, IMPORT)
    await askAgain()
    await until(NAME, 'NOERROR')
    server.refuse = notInstalled
    server.endWatches(IMPORTS)
    await untilUnknown()
    await until(NAME, 'NXDOMAIN')
  }))

test.run()
