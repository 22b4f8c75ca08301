/** Reloads that move a port, are noticed by themselves, or come at a bad time. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { FakeApiServer } from '../../harness/fake-api-server.ts'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { Asker } from '../asker.ts'
import { clusterCorefile } from '../load.ts'
import { type Ports, Subject } from '../subject.ts'

const RELOADED = /^\[INFO\] Reloading complete$/
const RELOAD_MS = 20_000
const NAMES = ['web.shop.svc.cluster.local']

test('reload: a port that is moved is opened before the old one is closed', async note => {
  const subject = await Subject.start(ports => clusterCorefile(ports))
  const { ports } = subject
  const at = (port: number) => new Asker({ port, names: NAMES, everyMs: 1 })
  for (const [from, to] of [
    [ports.dns, ports.dns + 5000],
    [ports.dns + 5000, ports.dns],
  ] as const) {
    const [old, next] = [at(from), at(to)]
    await delay(200)
    const line = subject.child.lines.length
    subject.writeCorefile(clusterCorefile({ ...ports, dns: to }))
    subject.child.signal('SIGUSR1')
    await subject.child.line(RELOADED, RELOAD_MS, line)
    await delay(200)
    const lastMs = old.lastMs
    const nextTally = await next.stop(100)
    const gapMs = nextTally.firstMs - lastMs
    note(`first answer of the new port ${gapMs.toFixed(1)} ms after the last of the old one`)
    ok(gapMs < 250, `a gap of ${gapMs} ms`)
    const { answered, rcodes } = await old.stop(100)
    ok(answered > 100 && nextTally.answered > 100)
    deepEqual([...rcodes.keys()], [0])
  }
  equal(await subject.status('ready'), 200)
  await subject.stop()
})

test('reload: a Corefile that changes is noticed, and one that vanishes changes nothing', async note => {
  const corefile = (ports: Ports, last: number) =>
    clusterCorefile(ports, `reload 2s 0s\nhosts {\n192.0.2.${last} number.test\nfallthrough\n}`)
  const subject = await Subject.start(ports => corefile(ports, 1))
  const client = new Asker({ port: subject.port, names: NAMES, everyMs: 2 })
  const startedAtMs = performance.now()
  subject.writeCorefile(corefile(subject.ports, 2))
  await subject.child.line(RELOADED, RELOAD_MS)
  note(`noticed after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s, of 2 s`)
  subject.writeCorefile('.:53 {\n    whoam\n}\n')
  await subject.child.line(/Corefile:2:5: unknown directive "whoam"/, RELOAD_MS)
  const failed = async () => (await subject.metrics()).sum('coredns_reload_failed_total')
  equal(await failed(), 1)
  rmSync(join(subject.folder, 'Corefile'))
  await subject.child.line(/Corefile".* does not exist/, RELOAD_MS)
  equal(await failed(), 2)
  const { lost, rcodes } = await client.stop()
  deepEqual([lost, [...rcodes.keys()]], [0, [0]])
  await subject.stop()
})

test('reload: while not ready, which does not keep it from becoming ready; SIGTERM in the middle of one', async note => {
  const api = await FakeApiServer.start()
  api.silent = true
  const corefile = (ports: Ports, more = '') =>
    clusterCorefile(ports, more)
      .replace(/manifests \S+/, `endpoint ${api.url}\n        startup_timeout 1s`)
      .replace('lameduck 5s', 'lameduck 1s')
  const subject = await Subject.start(corefile, { status: 503 })
  const reload = async (text: string) => {
    const from = subject.child.lines.length
    subject.writeCorefile(text)
    subject.child.signal('SIGUSR1')
    await subject.child.line(/^\[INFO\] Reloading: /, RELOAD_MS, from)
    return from
  }
  for (const more of ['loop', '']) {
    await subject.child.line(RELOADED, RELOAD_MS, await reload(corefile(subject.ports, more)))
    equal(await subject.status('ready'), 503)
  }
  api.silent = false
  api.cut()
  const tookMs = await eventually(RELOAD_MS, 'being ready', async () => equal(await subject.status('ready'), 200), 20)
  note(`ready ${(tookMs / 1000).toFixed(1)} s after the API server answers, through two reloads`)
  const other = await FakeApiServer.start()
  other.silent = true
  await reload(corefile(subject.ports).replace(api.url, other.url))
  await subject.child.line(/waiting for Kubernetes API/, RELOAD_MS)
  const startedAtMs = performance.now()
  const exit = await subject.stop('SIGTERM')
  note(`SIGTERM during a reload ends it after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`)
  deepEqual(exit, { code: 0, signal: null })
  match(subject.child.tail(), /Going into lameduck mode for 1s/)
  await Promise.all([api.close(), other.close()])
})
