/**
 * Any sequence of troubles, one on top of the other: what is not touched is answered throughout, and once the API server
 * is well, the state is that of a fresh list: within 5 s, within 45 s where connections were half-open, within ten minutes
 * where events were skipped or versions went back.
 */
import fc from 'fast-check'
import { suite } from 'uvu'
import { type FakeApiServer, type FakeObject, SERVICES } from '../../../harness/fake-api-server.ts'
import { service } from '../cluster.ts'
import { TroubleWorld } from './world.ts'

const test = suite('any trouble')
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']
const RUNS = 40
const SEED = Number(process.env.SEXTANT_SEED ?? 20_261)

/** What the world has become, and how long it may take to heal. */
class Play {
  readonly world: TroubleWorld
  withinMs = 5_000
  #addresses = 0

  #backup!: { readonly version: number; readonly objects: readonly FakeObject[] }

  constructor(world: TroubleWorld) {
    this.world = world
    this.backUp()
  }

  get server(): FakeApiServer {
    return this.world.server
  }

  heals(withinMs: number): void {
    this.withinMs = Math.max(this.withinMs, withinMs)
  }

  put(name: string): void {
    this.#addresses++
    this.server.put(SERVICES, service(`${name}.default`, [`10.99.${this.#addresses >> 8}.${this.#addresses & 255}`]))
  }

  delete(name: string): void {
    if (this.#find(name)) this.server.delete(SERVICES, 'default', name)
  }

  unseen(change: () => void): void {
    this.server.skips = true
    change()
    this.server.skips = false
    this.heals(600_000)
  }

  backUp(): void {
    this.#backup = { version: this.server.version, objects: this.server.objects(SERVICES) }
  }

  /** Versions go back, and will be given anew. */
  restore(): void {
    const { version, objects } = this.#backup
    this.server.change(SERVICES, now => {
      now.clear()
      for (const object of objects) now.set(`default/${object.metadata.name}`, object)
    })
    this.server.version = version
    this.server.compact()
    this.server.cut()
    this.heals(600_000)
  }

  async isCurrent(): Promise<boolean> {
    for (const name of NAMES) if (!(await this.world.has(name, this.#find(name)?.spec.clusterIP ?? ''))) return false
    return true
  }

  #find(name: string) {
    return this.server.objects(SERVICES).find(({ metadata }) => metadata.name === name)
  }
}

type Step = (play: Play) => Promise<void> | void
const STEPS: Record<string, Step> = {
  cut: ({ server }) => server.cut(),
  'cut watches of services': ({ server }) => server.cut(SERVICES),
  'end watches': ({ server }) => server.endWatches(SERVICES),
  compact({ server }) {
    server.version++
    server.compact()
  },
  bookmark: ({ server }) => server.bookmark(SERVICES),
  garbage: ({ server }) => server.send(SERVICES, '{"type":"ADDED","object":{"metadata":x}}\n'),
  'half an event'({ server }) {
    server.send(SERVICES, '{"type":"ADDED","object":{"metadata":{"name":"half"')
    server.endWatches(SERVICES)
  },
  'an event again': ({ server }) => {
    for (const object of server.objects(SERVICES).slice(0, 2)) server.event(SERVICES, 'MODIFIED', object)
  },
  'no streaming lists'({ server }) {
    server.streamingLists = false
  },
  'streaming lists'({ server }) {
    server.streamingLists = true
  },
  'no bookmarks'({ server }) {
    server.bookmarks = false
  },
  'everything is 500'({ server }) {
    server.refuse = () => ({ status: 500 })
  },
  'everything is 403'({ server }) {
    server.refuse = () => ({ status: 403 })
  },
  'watches are 410': ({ server }) => {
    server.refuse = ({ verb, isStreamingList }) =>
      verb === 'watch' && !isStreamingList ? { status: 410, reason: 'Expired' } : undefined
  },
  'second pages are 500': ({ server }) => {
    server.refuse = ({ query }) => (query.has('continue') ? { status: 500 } : undefined)
  },
  'nothing is refused'({ server }) {
    server.refuse = () => undefined
  },
  silence(play) {
    play.server.silent = true
    play.heals(45_000)
  },
  'silence is over'({ server }) {
    server.silent = false
  },
  deafness(play) {
    play.server.deafen()
    play.heals(45_000)
  },
  async restart({ world }) {
    await world.server.close()
    world.server = await world.server.again()
  },
  'etcd backup': play => play.backUp(),
  'etcd restored': play => play.restore(),
}

const CHANGES = NAMES.flatMap(name => [`put ${name}`, `delete ${name}`])
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...Object.keys(STEPS)) },
    { weight: 6, arbitrary: fc.constantFrom(...CHANGES) },
    { weight: 1, arbitrary: fc.constantFrom(...CHANGES).map(change => `unseen ${change}`) },
    { weight: 4, arbitrary: fc.constantFrom(200, 1_000, 5_000, 30_000, 90_000).map(ms => `wait ${ms}`) },
  ),
  { minLength: 5, maxLength: 30 },
)

async function take(play: Play, step: string): Promise<void> {
  const [verb, what] = step.split(' ')
  if (STEPS[step]) await STEPS[step](play)
  else if (verb === 'wait') await play.world.pass(Number(what))
  else if (verb === 'put') play.put(what!)
  else if (verb === 'delete') play.delete(what!)
  else play.unseen(() => void take(play, step.slice('unseen '.length)))
}

async function playAll(sequence: readonly string[]): Promise<void> {
  await TroubleWorld.run(
    async world => {
      const play = new Play(world)
      for (const step of sequence) {
        await take(play, step)
        await world.isKnown()
      }
      const { server } = world
      server.refuse = () => undefined
      server.silent = false
      await world.until('well', play.withinMs, () => play.isCurrent())
      await world.isKnown()
      play.put('a')
      await world.until('watched', play.withinMs, () => play.isCurrent())
    },
    { isQuiet: true },
  )
}

test(`${RUNS} sequences of troubles end as a fresh list`, async () => {
  if (process.env.SEXTANT_SEQUENCE) return playAll(JSON.parse(process.env.SEXTANT_SEQUENCE))
  await fc.assert(fc.asyncProperty(steps, playAll), { seed: SEED, numRuns: RUNS, endOnFailure: true })
})

test.run()
