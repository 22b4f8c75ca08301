/** When a snapshot is written, and what happens where it cannot be. Time stands still until it is told to go on. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import { KINDS, type Kind } from '../../../../plugins/kubernetes/object/object.ts'
import type { Picture } from '../../../../plugins/kubernetes/snapshot/header.ts'
import { BYTES_PER_S, Keeper, PAUSE_MS } from '../../../../plugins/kubernetes/snapshot/keeper.ts'
import { sectionsOf } from '../../../../plugins/kubernetes/snapshot/section.ts'
import { cells, families } from '../../../../server/metrics.ts'
import { FakeClock } from '../../../harness/fake-clock.ts'
import { pod, putObject, service } from '../cluster.ts'
import { countsOf, indexOf, newFile, PICTURE, read, SMALL, write } from './pictures.ts'

class World {
  readonly clock = new FakeClock()
  readonly index: Index
  readonly file: string
  readonly logged: string[] = []
  readonly keeper: Keeper
  picture: Picture | Promise<Picture> = PICTURE
  readonly #kinds: readonly Kind[]

  constructor({ file = newFile(), kinds = KINDS }: { file?: string; kinds?: readonly Kind[] } = {}) {
    this.file = file
    this.#kinds = kinds
    this.index = new Index({ kinds })
    const note = (level: string) => (_: string | undefined, text: string) => void this.logged.push(`${level} ${text}`)
    this.keeper = new Keeper({
      file,
      sections: sectionsOf(this.index, kinds),
      picture: async () => this.picture,
      clock: this.clock,
      log: { info: note('info'), warn: note('warn'), error: note('error') },
    })
  }

  async start(): Promise<void> {
    await this.keeper.restore()
    this.keeper.start()
  }

  /** The source has told all there is. */
  async sync(...kinds: Kind[]): Promise<void> {
    for (const object of SMALL) putObject(this.index, object)
    for (const kind of kinds.length > 0 ? kinds : this.#kinds) this.index.setSynced(kind, true)
    await this.settled()
  }

  change(): void {
    putObject(this.index, service('s.a', [`10.0.0.${changes++ & 255}`]))
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.settled()
  }

  /** Until nothing is being written: writing ends by setting a timer. */
  async settled(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
    await this.clock.waiting(() => true)
  }

  count(family: string): number {
    return cells[families.get(family)!.children.get(this.file)!.cell]!
  }

  get writes(): number {
    return this.count('sextant_kubernetes_snapshot_writes_total')
  }

  get failures(): number {
    return this.count('sextant_kubernetes_snapshot_write_failures_total')
  }
}
let changes = 0

test('written as soon as all is known, for its owner only, with nothing left beside it', async () => {
  const world = new World()
  await world.start()
  assert.is(world.keeper.ageS, undefined)
  await world.sync('namespace', 'service')
  assert.not.ok(existsSync(world.file))
  await world.sync()
  assert.is(world.writes, 1)
  assert.is(statSync(world.file).mode & 0o777, 0o600)
  assert.equal(
    readdirSync(dirname(world.file)).filter(name => name.startsWith(basename(world.file))),
    [basename(world.file)],
  )
  assert.ok(world.keeper.ageS! < 10)
  const index = new Index()
  await read(world.file, index, { nowMs: Date.now() })
  assert.equal(countsOf(index), { namespace: 1, service: 1, endpointslice: 1, pod: 1 })
  await world.keeper.stop()
})

test('at most once in 30 s, however much changes, and not without a change', async () => {
  const world = new World()
  await world.start()
  await world.sync()
  for (let second = 0; second < 600; second++) {
    world.change()
    await world.advance(1000)
  }
  assert.is(world.writes, 1 + 600 / (PAUSE_MS / 1000))
  await world.advance(PAUSE_MS)
  const { writes } = world
  for (let i = 0; i < 20; i++) await world.advance(PAUSE_MS)
  assert.is(world.writes, writes)
  await world.keeper.stop()
  assert.is(world.writes, writes)
})

test('a large file waits longer: a disk is not worn out', async () => {
  const world = new World()
  await world.start()
  for (let i = 0; i < 120_000; i++)
    putObject(world.index, pod(`pod-of-some-length-${i}.a`, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`))
  await world.sync()
  const pauseMs = (statSync(world.file).size / BYTES_PER_S) * 1000
  assert.ok(pauseMs > PAUSE_MS * 1.5, `${pauseMs}`)
  world.change()
  await world.advance(pauseMs - 1)
  assert.is(world.writes, 1)
  await world.advance(1)
  assert.is(world.writes, 2)
  await world.keeper.stop()
})

test('the end writes what changed since, once', async () => {
  const world = new World()
  await world.start()
  await world.sync()
  world.change()
  await world.keeper.stop()
  assert.is(world.writes, 2)
  world.change()
  world.clock.advance(10 * PAUSE_MS)
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.is(world.writes, 2)
  assert.equal(world.logged, [])
})

test('a server that starts over and over writes no more often', async () => {
  const file = newFile()
  for (let start = 0; start < 3; start++) {
    const world = new World({ file })
    await world.start()
    await world.sync()
    assert.is(world.writes, 1)
    // It is killed: no last write.
  }
  const world = new World({ file })
  await world.start()
  await world.sync()
  await world.advance(PAUSE_MS)
  assert.is(world.writes, 2)
  await world.keeper.stop()
})

test('nothing is written before the first sync, and what is there stays', async () => {
  const file = await write(indexOf(SMALL), { header: { takenAtMs: Date.now(), picture: PICTURE } })
  const before = readFileSync(file)
  const world = new World({ file })
  await world.start()
  assert.is(world.keeper.isInUse, true)
  world.change()
  await world.advance(10 * PAUSE_MS)
  await world.keeper.stop()
  assert.equal(readFileSync(file), before)
})

test('a kind that is not permitted: the others are written after a while, but never over more than that', async () => {
  const known: readonly Kind[] = ['namespace', 'service', 'endpointslice']
  const world = new World()
  await world.start()
  await world.sync(...known)
  assert.not.ok(existsSync(world.file))
  await world.advance(PAUSE_MS)
  const restored = await read(world.file, new Index(), { nowMs: Date.now() })
  assert.equal(restored!.sections, known)
  await world.sync('pod')
  await world.advance(PAUSE_MS)
  assert.is(world.writes, 2)
  await world.keeper.stop()

  const next = new World({ file: world.file })
  await next.start()
  await next.sync(...known)
  await next.advance(10 * PAUSE_MS)
  await next.keeper.stop()
  assert.is(next.writes, 2)
  assert.equal((await read(world.file, new Index(), { nowMs: Date.now() }))!.sections, [...known, 'pod'])
})

test('a kind that is in the file, and that nobody wants any more, is no reason to keep it', async () => {
  const file = await write(indexOf(SMALL), { header: { takenAtMs: Date.now() - 2 * PAUSE_MS, picture: PICTURE } })
  const world = new World({ file, kinds: ['namespace', 'service'] })
  await world.start()
  await world.sync()
  assert.equal((await read(file, new Index(), { nowMs: Date.now() }))!.sections, ['namespace', 'service'])
  await world.keeper.stop()
})

test('a disk that fails is one line, and one more when it works again', async () => {
  const file = join(newFile(), 'snapshot')
  const world = new World({ file })
  await world.start()
  await world.sync()
  world.change()
  await world.advance(PAUSE_MS)
  await world.advance(PAUSE_MS)
  assert.is(world.failures, 3)
  assert.is(world.logged.length, 1)
  assert.match(world.logged[0]!, /^warn snapshot ".*" cannot be written, answers do not depend on it: ENOENT/)
  mkdirSync(dirname(file))
  await world.advance(PAUSE_MS)
  assert.is(world.writes, 1)
  assert.equal(world.logged.slice(1), [`info snapshot "${file}" is written again`])
  rmSync(dirname(file), { recursive: true })
  world.change()
  await world.advance(PAUSE_MS)
  assert.match(world.logged[2]!, /^warn/)
  await world.keeper.stop()
})

if (process.getuid?.() !== 0) {
  test('a folder that may not be written', async () => {
    const folder = newFile()
    mkdirSync(folder)
    chmodSync(folder, 0o500)
    const world = new World({ file: join(folder, 'snapshot') })
    await world.start()
    await world.sync()
    assert.match(world.logged.join(), /^warn .*EACCES/)
    await world.keeper.stop()
  })
}

test('what cannot be moved into place leaves nothing beside it', async () => {
  const world = new World()
  await world.start()
  mkdirSync(join(world.file, 'full'), { recursive: true })
  await world.sync()
  assert.is(world.failures, 1)
  assert.equal(
    readdirSync(dirname(world.file)).filter(name => name.startsWith(`${basename(world.file)}.`)),
    [],
  )
  await world.keeper.stop()
})

test('an identity that cannot be told is a failure like any other', async () => {
  const world = new World()
  await world.start()
  Object.defineProperty(world, 'picture', {
    get: () => {
      throw new Error('no CA')
    },
  })
  await world.sync()
  assert.match(world.logged.join(), /cannot be written.*no CA$/)
  await world.keeper.stop()
})

test('a file of somebody else is left alone, a damaged snapshot is replaced; one line each', async () => {
  const strange = newFile()
  writeFileSync(strange, '.:53 {\n}\n')
  const damaged = await write(indexOf(SMALL))
  writeFileSync(damaged, readFileSync(damaged).subarray(0, -1))
  for (const [file, writes] of [
    [strange, 0],
    [damaged, 1],
  ] as const) {
    const world = new World({ file })
    await world.start()
    for (const kind of KINDS) world.index.setSynced(kind, true)
    for (let i = 0; i < 20; i++) await new Promise(resolve => setTimeout(resolve, 5))
    assert.is(world.writes, writes)
    assert.is(world.logged.length, 1)
    assert.match(world.logged[0]!, /^warn snapshot ".*" is ignored: it is (?:no snapshot and stays as it is|damaged)/)
    await world.keeper.stop()
    assert.is(world.writes, writes)
  }
  assert.is(readFileSync(strange, 'utf8'), '.:53 {\n}\n')
})

for (const { name, file, writes } of [
  { name: 'a snapshot', file: () => write(indexOf(SMALL)), writes: 1 },
  { name: 'nothing', file: async () => newFile(), writes: 1 },
  {
    name: 'a file of somebody else',
    async file() {
      const strange = newFile()
      writeFileSync(strange, '.:53 {\n}\n')
      return strange
    },
    writes: 0,
  },
]) {
  test(`what cannot be read in time is looked at before it is written: ${name}`, async () => {
    const world = new World({ file: await file() })
    const { promise, resolve } = Promise.withResolvers<Picture>()
    world.picture = promise
    const restoring = world.keeper.restore()
    world.clock.advance(5_000)
    await restoring
    assert.match(world.logged.join(), /^warn snapshot ".*" is ignored: not read within 5 s$/)
    resolve(PICTURE)
    world.keeper.start()
    for (const kind of KINDS) world.index.setSynced(kind, true)
    await until(() => world.writes + world.failures > 0)
    assert.equal([world.writes, world.failures], [writes, 1 - writes])
    for (let i = 0; i < 3; i++) {
      world.change()
      world.clock.advance(10 * PAUSE_MS)
      for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
    }
    await world.keeper.stop()
    if (writes === 0) {
      assert.equal([world.writes, world.failures], [0, 1])
      assert.is(readFileSync(world.file, 'utf8'), '.:53 {\n}\n')
      assert.match(world.logged[1]!, /^warn snapshot ".*" cannot be written, .*: it is no snapshot and stays as it is/)
    } else assert.ok(world.writes > 1)
  })
}

test('of two that use one file, as a reload has it, the later one writes', async () => {
  const old = new World()
  await old.start()
  await old.sync()
  const next = new World({ file: old.file })
  const picture = { ...PICTURE, labels: 'a=b' }
  next.picture = picture
  await next.start()
  assert.match(next.logged.join(), /is ignored: found a picture with labels none/)
  await next.sync()
  old.change()
  await old.keeper.stop()
  await read(old.file, new Index(), { picture, nowMs: Date.now() })
  await next.keeper.stop()
})

test('of two that use one file, the earlier one writes again if the later one gives up', async () => {
  const old = new World()
  await old.start()
  await old.sync()
  const next = new World({ file: old.file })
  await next.start()
  await next.keeper.stop()
  const { writes } = old
  old.change()
  await old.advance(PAUSE_MS)
  assert.is(old.writes, writes + 1)
  await old.keeper.stop()
})

test('leftovers of a process that was killed are taken away, what is being written is not', async () => {
  const file = newFile()
  const [leftover, fresh, other] = ['0123456789ab', 'ba9876543210', 'mine'].map(part => `${file}.${part}.tmp`)
  for (const each of [leftover!, fresh!, other!]) writeFileSync(each, '')
  const old = new Date(Date.now() - 3_600_000)
  for (const each of [leftover!, other!]) utimesSync(each, old, old)
  const world = new World({ file })
  await world.start()
  assert.equal(
    [leftover!, fresh!, other!].map(each => existsSync(each)),
    [false, true, true],
  )
  await world.keeper.stop()
})

async function until(met: () => boolean): Promise<void> {
  for (const startMs = performance.now(); !met(); ) {
    assert.ok(performance.now() - startMs < 10_000, 'not within 10 s')
    await new Promise(resolve => setImmediate(resolve))
  }
}

test.run()
