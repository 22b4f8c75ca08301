/**
 * A clock that jumps while the server runs: by an hour and by ten years, ahead and back. What the process takes for the
 * time of day jumps (`Date`, moved by a preload), its monotonic clock does not, as with a clock that somebody sets.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { usage } from '../../../bench/process.ts'
import { FakeApiServer, NAMESPACES, SERVICES } from '../../harness/fake-api-server.ts'
import { answer, fakeUpstream } from '../../harness/fake-upstream.ts'
import { query, readReply } from '../../harness/message.ts'
import { exchangeUdp, temporaryFolder } from '../../harness/server.ts'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { Asker } from '../asker.ts'
import { clusterCorefile } from '../load.ts'
import { preload } from '../preload.ts'
import { isLong, type Ports, Subject } from '../subject.ts'

const HOUR_MS = 3_600_000
const YEARS_MS = 10 * 365 * 24 * HOUR_MS
const JUMPS_MS = [HOUR_MS, -HOUR_MS, YEARS_MS, -YEARS_MS, 0]
const STAY_MS = isLong ? 10_000 : 1500
const KEPT = 20
const TTL_S = 600
const CHANGE_MS = 2000
/** Of an idle second; a loop that spins takes all of it. */
const MAX_CPU_MS = 500

const MOVABLE = `const jumps = ${JSON.stringify(JUMPS_MS)}
  let jump = 0
  const Real = Date
  globalThis.Date = class extends Real {
    constructor(...args) {
      if (args.length === 0) super(Real.now() + jump)
      else super(...args)
    }
    static now() {
      return Real.now() + jump
    }
  }
  process.on('SIGUSR2', () => {
    jump = jumps.shift()
    console.log('it is ' + new Date().toISOString())
  })`

test(
  'the clock jumps by an hour and by ten years: nothing expires, nothing is late, changes are seen',
  async note => {
    const [api, folder] = [await FakeApiServer.start(), temporaryFolder()]
    api.put(NAMESPACES, { metadata: { name: 'shop', uid: 'shop' } })
    const upstream = await fakeUpstream(asked => answer(asked, [`${asked.name} ${TTL_S} A 192.0.2.1`]))
    const snapshot = join(folder.path, 'snapshot')
    const corefile = (ports: Ports) =>
      clusterCorefile(ports, `cache ${TTL_S}\nforward . ${upstream.address}\nlog`).replace(
        /manifests \S+/,
        `endpoint ${api.url}\n        snapshot ${snapshot}`,
      )
    const subject = await Subject.start(corefile, { environment: preload(MOVABLE) })
    const replyTo = async (name: string, type = 'A') =>
      readReply(await exchangeUdp(query(name, { type }), subject.port))
    const names = Array.from({ length: KEPT }, (_, i) => `kept${i}.example`)
    const startedAtMs = performance.now()
    for (const name of names) await replyTo(name)
    equal(upstream.asked.length, KEPT)
    const serials: number[] = []
    const cpuMs: number[] = []
    let web = 0
    for (const jumpMs of JUMPS_MS) {
      const from = subject.child.lines.length
      subject.child.signal('SIGUSR2')
      await subject.child.line(/^it is /, 5000, from)
      const client = new Asker({
        port: subject.port,
        names: [...names, 'kubernetes.shop.svc.cluster.local'],
        everyMs: 10,
      })
      await delay(STAY_MS)
      const { lost, slowestMs } = await client.stop()
      equal(lost, 0)
      ok(slowestMs < 1000, `${slowestMs} ms`)
      // A kept answer is as old as it is, whatever the clock says.
      const [kept] = (await replyTo(names[0]!)).answers as unknown as { ttl: number }[]
      const ageS = (performance.now() - startedAtMs) / 1000
      ok(Math.abs(kept!.ttl - (TTL_S - ageS)) < 3, `${kept!.ttl} s are left after ${ageS} s, ${jumpMs} ms off`)
      const name = `web${++web}`
      api.put(SERVICES, {
        metadata: { name, namespace: 'shop', uid: name },
        spec: { type: 'ClusterIP', clusterIP: `10.96.1.${web}`, clusterIPs: [`10.96.1.${web}`], ports: [] },
      })
      await eventually(CHANGE_MS, 'a new service', async () =>
        equal((await replyTo(`${name}.shop.svc.cluster.local`)).rcode, 'NOERROR'),
      )
      const [soa] = (await replyTo('cluster.local', 'SOA')).answers as unknown as { data: { serial: number } }[]
      serials.push(soa!.data.serial)
      const before = usage(subject.pid).cpuS
      await delay(500)
      cpuMs.push((usage(subject.pid).cpuS - before) * 2000)
      equal(await subject.status('ready'), 200)
    }
    note(
      `0 lost, ${upstream.asked.length - KEPT} of ${KEPT} kept answers asked for again, serials ${serials.join(' ')}`,
    )
    note(`CPU of an idle second at most ${Math.max(...cpuMs).toFixed(0)} ms`)
    equal(upstream.asked.length, KEPT)
    deepEqual(
      serials,
      serials.toSorted((a, b) => a - b),
    )
    ok(Math.max(...cpuMs) < MAX_CPU_MS)
    rmSync(snapshot)
    deepEqual(await subject.stop(), { code: 0, signal: null })
    ok(existsSync(snapshot), 'written at the end')
    await Promise.all([api.close(), upstream.close()])
    folder.remove()
  },
  { timeoutMs: 120_000 },
)
