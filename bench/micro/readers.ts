/**
 * What it costs that other threads read the index: resident memory per thread with and without it, queries in such a thread
 * while nothing changes and while much does, and changes while none, one and two threads read.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Index } from '../../plugins/kubernetes/index/index.ts'
import type { EndpointSlice } from '../../plugins/kubernetes/object/endpointslice.ts'
import { query } from '../../test/harness/message.ts'
import { clusterOf } from '../../test/plugins/kubernetes/cluster.ts'
import { putAll } from './in-process.ts'
import { namespaceOf, namespaces, SERVICES, services, sliceOf, slices } from './index-objects.ts'

const CHANGES = 20_000
const CHANGES_PER_TURN = 200
const ROUNDS = 5
const QUERIES = 200_000
const STORM_MS = 20
const THREADS = 3
const JOINED = 'joined'

interface Shared {
  readonly shared: unknown
  readonly port: MessagePort
}

const [, , only] = process.argv
if (!isMainThread) await read(workerData as Shared | undefined)
else if (only === undefined) await measure()
else await growth(only === JOINED)

async function read(given: Shared | undefined): Promise<void> {
  const cluster = clusterOf({ body: 'ttl 30' })
  if (given !== undefined) cluster.stage.join(given.shared, given.port)
  const messages = [...Array(SERVICES).keys()].map(i =>
    query(`service-${i}.${namespaceOf(i)}.svc.cluster.local`, { type: i % 4 === 0 ? 'AAAA' : 'A' }),
  )
  let isReading = false
  putAll(cluster.routes, messages, QUERIES, 0)
  parentPort!.on('message', async what => {
    if (what === 'measure') parentPort!.postMessage(nsPerQuery())
    isReading = what === 'read'
    while (isReading) {
      putAll(cluster.routes, messages, 64, 0)
      await setTimeout(0)
    }
  })
  parentPort!.postMessage('ready')

  function nsPerQuery(): number {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < ROUNDS; round++) {
      const startMs = performance.now()
      putAll(cluster.routes, messages, QUERIES / 10, 0)
      best = Math.min(best, ((performance.now() - startMs) * 1e7) / QUERIES)
    }
    return best
  }
}

/** A cluster of that size, its threads, and what they have cost. */
function make() {
  const cluster = clusterOf({ body: 'ttl 30' })
  for (const all of [namespaces(), services(), slices()])
    for (const object of all) cluster.feed.indexes.put(object.kind, object)
  const start = async (isJoined: boolean) => {
    const { port1, port2 } = new MessageChannel()
    const given = { shared: cluster.stage.share(port1), port: port2 }
    if (!isJoined) port1.close()
    const worker = new Worker(new URL(import.meta.url), isJoined ? { workerData: given, transferList: [port2] } : {})
    await once(worker, 'message')
    return worker
  }
  return { index: cluster.index, start }
}

/** In a process of its own, for memory that one thread gives back is the next one's. */
async function growth(isJoined: boolean): Promise<void> {
  const { index, start } = make()
  const before = await settledBytes()
  for (let i = 0; i < THREADS; i++) await start(isJoined)
  const each = ((await settledBytes()) - before) / THREADS
  const what = isJoined ? `reads the index of ${mib(index.slab.touchedBytes)}` : 'has an empty one'
  console.log(`a thread that ${what}: +${mib(each)}`)
  process.exit()
}

async function measure(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const kind of ['empty', JOINED]) {
      process.stdout.write(execFileSync(process.execPath, [import.meta.filename, kind]))
    }
  }
  const { index, start } = make()
  const all = Array.from({ length: CHANGES }, (_, i) => sliceOf(i % SERVICES, 1 + (i % 3)))
  const [one, two] = [await start(true), await start(true)]
  const ns = async (worker: Worker) => {
    worker.postMessage('measure')
    return Number((await once(worker, 'message'))[0])
  }
  console.log(`a query there, nothing changes: ${(await ns(one)).toFixed(0)} ns`)
  let isOver = false
  let changes = 0
  const startMs = performance.now()
  const storm = (async () => {
    for (; !isOver; changes++) {
      index.put('endpointslice', all[changes % CHANGES]!)
      if (changes % 50 === 49) await setTimeout(1)
    }
  })()
  const stormy = await ns(one)
  isOver = true
  await storm
  const rate = changes / (performance.now() - startMs)
  console.log(`a query there, ${rate.toFixed(0)} changes a millisecond: ${stormy.toFixed(0)} ns`)
  const best = [Infinity, Infinity, Infinity]
  for (let round = 0; round < 3 * ROUNDS; round++) {
    for (const [count, readers] of [[], [one], [one, two]].entries()) {
      for (const worker of readers) worker.postMessage('read')
      await setTimeout(STORM_MS)
      best[count] = Math.min(best[count]!, await change(index, all))
      for (const worker of readers) worker.postMessage('rest')
      await setTimeout(STORM_MS)
    }
  }
  const each = best.map(us => us.toFixed(2)).join(', ')
  console.log(`a change while no, one, two threads read: ${each} µs; index then ${mib(index.slab.touchedBytes)}`)
  process.exit()
}

/** Microseconds that a change takes: the middle one of the turns, for others share the machine. */
async function change(index: Index, slices: readonly EndpointSlice[]): Promise<number> {
  const tookUs: number[] = []
  for (let i = 0; i < slices.length; ) {
    const startMs = performance.now()
    for (const end = i + CHANGES_PER_TURN; i < end; i++) index.put('endpointslice', slices[i]!)
    tookUs.push(((performance.now() - startMs) * 1000) / CHANGES_PER_TURN)
    await setImmediate()
  }
  return tookUs.toSorted((a, b) => a - b)[tookUs.length >> 1]!
}

async function settledBytes(): Promise<number> {
  await setTimeout(500)
  return process.memoryUsage().rss
}

function mib(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}
