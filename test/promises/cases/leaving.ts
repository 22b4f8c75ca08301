/** SIGTERM at full load: who still asks is answered, through lameduck and after it, until nobody does. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { answer, fakeUpstream } from '../../harness/fake-upstream.ts'
import { query, replyText } from '../../harness/message.ts'
import { exchangeTcp, exchangeUdp } from '../../harness/server.ts'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { Asker } from '../asker.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, Subject } from '../subject.ts'

const NAMES = ['web.shop.svc.cluster.local', 'db.shop.svc.cluster.local']
const LAMEDUCK_S = isLong ? 5 : 1
/** How long clients go on after lameduck, and how long before a server that is asked on leaves all the same. */
const AFTER_S = 2
const LIMIT_S = 5
/** Longer than nobody asks before the sockets are closed: what is asked last is answered after that. */
const UPSTREAM_MS = 1500

const seconds = (sinceMs: number) => (performance.now() - sinceMs) / 1000

async function start(upstream: string, more = ''): Promise<Subject> {
  return await Subject.start(ports =>
    clusterCorefile(ports, `forward . ${upstream}\n${more}`).replace('lameduck 5s', `lameduck ${LAMEDUCK_S}s`),
  )
}

/** A name server that takes its time. */
function slowUpstream() {
  return fakeUpstream(asked => ({ send: answer(asked, [`${asked.name} 60 A 192.0.2.1`]), afterMs: UPSTREAM_MS }))
}

for (const threads of [1, 2]) {
  test(`SIGTERM: at 20,000 queries a second, ${threads} thread(s), nothing is lost until nobody asks, and what is in flight is answered`, async note => {
    const upstream = await slowUpstream()
    const subject = await start(upstream.address, threads > 1 ? `multisocket ${threads}` : '')
    const ask = (over: 'udp' | 'tcp') => new Asker({ port: subject.port, names: NAMES, everyMs: 10, over })
    const [tcp, kubeProxy] = [ask('tcp'), ask('udp')]
    const loadS = 1 + LAMEDUCK_S + AFTER_S
    const load = askFor(subject, 20_000, loadS)
    await delay(1000)
    equal(await subject.status('ready'), 200)
    const startedAtMs = performance.now()
    subject.child.signal('SIGTERM')
    while ((await subject.status('ready')) === 200) await delay(1)
    const unreadyMs = performance.now() - startedAtMs
    const [told1, health] = [await kubeProxy.stop(), [] as number[]]
    let isOver = false
    const watching = (async () => {
      for (; !isOver; await delay(50)) health.push(await subject.status('health'))
    })()
    const run = await load
    const tcpTold = await tcp.stop()
    isOver = true
    await watching
    equal(subject.child.exit, undefined)
    // The server leaves when nobody has asked for a second: these are in flight then.
    const inFlight = [0, 100, 200].flatMap(afterMs =>
      [exchangeUdp, exchangeTcp].map(async exchange => {
        await delay(afterMs)
        return replyText(await exchange(query(`slow${afterMs}.test`), subject.port))
      }),
    )
    for (const reply of await Promise.all(inFlight)) match(reply, /^NOERROR/)
    const exit = await subject.child.exited
    note(
      `unready after ${unreadyMs.toFixed(0)} ms, ${told(run)}, left ${seconds(startedAtMs).toFixed(1)} s after SIGTERM`,
    )
    note(`lameduck ${LAMEDUCK_S} s and ${AFTER_S} s of clients that did not notice`)
    deepEqual(exit, { code: 0, signal: null })
    equal(run.lost, 0)
    ok(unreadyMs < 500, 'unready at once')
    deepEqual([...new Set(health)], [200])
    deepEqual([told1.lost, told1.cut, tcpTold.lost, tcpTold.cut], [0, 0, 0, 0])
    await upstream.close()
    await subject.stop()
  })
}

test('SIGTERM: a server that is asked on and on leaves five seconds after lameduck', async note => {
  const upstream = await slowUpstream()
  const subject = await start(upstream.address)
  const client = new Asker({ port: subject.port, names: NAMES, everyMs: 5 })
  await delay(200)
  const startedAtMs = performance.now()
  subject.child.signal('SIGTERM')
  deepEqual(await subject.child.exited, { code: 0, signal: null })
  const tookS = seconds(startedAtMs)
  const { lastMs } = await client.stop(0)
  const servedS = (lastMs - startedAtMs) / 1000
  note(`served for ${servedS.toFixed(1)} s more, left after ${tookS.toFixed(1)} s`)
  ok(servedS > LAMEDUCK_S + LIMIT_S - 0.5)
  ok(tookS < LAMEDUCK_S + LIMIT_S + 2)
  await upstream.close()
  await subject.stop()
})
