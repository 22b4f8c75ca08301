/** A machine that stands still for a while (SIGSTOP and SIGCONT, as with a frozen VM): afterwards all is well, at once. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { answer, fakeUpstream } from '../../harness/fake-upstream.ts'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { Asker } from '../asker.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, Subject } from '../subject.ts'

const FROZEN_MS = isLong ? 30_000 : 5000
/** Fewer wait than one client may have open at `forward`. */
const EVERY_MS = FROZEN_MS / 200
const PATIENCE_MS = 5000

for (const threads of [1, 2]) {
  test(`the process stands still for a while, ${threads} thread(s): well again at once, with no storm`, async note => {
    const upstream = await fakeUpstream(asked => answer(asked, [`${asked.name} 1 A 192.0.2.1`]))
    const more = `cache\nforward . ${upstream.address}\n${threads > 1 ? `multisocket ${threads}` : ''}`
    const subject = await Subject.start(ports => clusterCorefile(ports, more))
    const names = ['web.shop.svc.cluster.local', ...Array.from({ length: 9 }, (_, i) => `n${i}.example`)]
    const ask = (over: 'udp' | 'tcp') => new Asker({ port: subject.port, names, everyMs: EVERY_MS, over })
    const clients = [ask('udp'), ask('udp'), ask('tcp')]
    await delay(500)
    subject.child.signal('SIGSTOP')
    await delay(FROZEN_MS)
    const during = clients.map(client => client.pause())
    const asked = upstream.asked.length
    const startedAtMs = performance.now()
    subject.child.signal('SIGCONT')
    const tallies = await Promise.all(clients.map(client => client.stop(PATIENCE_MS)))
    const lastMs = Math.max(...tallies.map(tally => tally.lastMs)) - startedAtMs
    const storm = upstream.asked.length - asked
    const run = await askFor(subject, 20_000, 1)
    const waited = during.reduce((sum, count) => sum + count, 0)
    note(
      `${waited} waited, answered within ${lastMs.toFixed(0)} ms, with ${storm} queries to the upstream; then ${told(run)}`,
    )
    deepEqual(
      tallies.map(({ lost, rcodes }) => [lost, [...rcodes.keys()]]),
      clients.map(() => [0, [0]]),
    )
    ok(lastMs < 2000)
    ok(storm <= 2 * 9 * threads, 'each name is asked for once, or once more')
    equal(run.lost, 0)
    equal(await subject.status('ready'), 200)
    equal((await subject.metrics()).sum('sextant_thread_deaths_total') ?? 0, 0)
    deepEqual(await subject.stop(), { code: 0, signal: null })
    await upstream.close()
  })
}
