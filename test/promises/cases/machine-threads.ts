/** What breaks within the process: exceptions that nobody caught, and threads that end. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { preload, SIGUSR2_ENDS_A_THREAD } from '../preload.ts'
import { isLong, Subject } from '../subject.ts'

const SECONDS = isLong ? 20 : 4
const THROWS = 20
const DEATHS = isLong ? 8 : 2
const SERVES_MS = 10_000
/** Half a second of it is a pause, for a thread that lived for less than ten. */
const REPLACED_MS = 1000
/** Where the load has the processors, one of them may take longer. */
const SLOWEST_MS = 5000
/** What a thread may have read and not answered: four batches. */
const MAX_IN_FLIGHT = 4 * 128

test('exceptions and rejections that nobody caught, at 20,000 queries a second: each is counted, and nothing is lost', async note => {
  const subject = await Subject.start(ports => clusterCorefile(ports), {
    environment: preload(`let n = 0
      process.on('SIGUSR2', () => setImmediate(() => {
        if (++n % 2) throw new Error('a test')
        void Promise.reject(new Error('a test'))
      }))`),
  })
  const load = askFor(subject, 20_000, SECONDS)
  await delay(500)
  for (let i = 1; i <= THROWS; i++) {
    const from = subject.child.lines.length
    subject.child.signal('SIGUSR2')
    await subject.child.line(/uncaught exception: Error: a test/, 5000, from)
    await delay(((SECONDS - 1) * 1000) / THROWS - 20)
  }
  const run = await load
  note(`${THROWS} of them, ${told(run)}`)
  equal(run.lost, 0)
  equal((await subject.metrics()).sum('coredns_panics_total'), THROWS)
  equal(await subject.status('ready'), 200)
  deepEqual(await subject.stop(), { code: 0, signal: null })
})

test('a thread that ends at 20,000 queries a second is replaced at once, and only what it had read is lost', async note => {
  const subject = await Subject.start(ports => clusterCorefile(ports, 'multisocket 2'), {
    environment: preload(SIGUSR2_ENDS_A_THREAD),
  })
  const load = askFor(subject, 20_000, SECONDS)
  await delay(500)
  const tookMs: number[] = []
  for (let i = 1; i <= DEATHS; i++) {
    const from = subject.child.lines.length
    const startedAtMs = performance.now()
    subject.child.signal('SIGUSR2')
    await subject.child.line(/^\[INFO\] thread 1 serves again$/, SERVES_MS, from)
    tookMs.push(performance.now() - startedAtMs)
    await delay(Math.max(0, ((SECONDS - 1) * 1000) / DEATHS - tookMs.at(-1)! - 100))
  }
  const run = await load
  note(`replaced after ${tookMs.map(ms => ms.toFixed(0)).join(', ')} ms, ${told(run)}`)
  ok(run.lost <= DEATHS * MAX_IN_FLIGHT)
  ok(Math.min(...tookMs) < REPLACED_MS)
  ok(Math.max(...tookMs) < SLOWEST_MS)
  equal((await subject.metrics()).sum('sextant_thread_deaths_total'), DEATHS)
  deepEqual(await subject.stop(), { code: 0, signal: null })
})
