/** Disks that are full, read-only or forbidden: what is to be written is not, and told; answers do not depend on it. */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { chmodSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FakeApiServer, NAMESPACES, SERVICES } from '../../harness/fake-api-server.ts'
import { query, replyText } from '../../harness/message.ts'
import { must } from '../../harness/process.ts'
import { exchangeUdp, temporaryFolder } from '../../harness/server.ts'
import { type Note, test } from '../../harness/suite.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, type Ports, Subject, type SubjectOptions } from '../subject.ts'

const SECONDS = isLong ? 20 : 3
const SAYS = {
  pidFile: /^\[ERROR\] pid file ".*" cannot be written: /,
  snapshot: /^\[WARN\] plugin\/kubernetes: snapshot ".*" cannot be written, answers do not depend on it: /,
}
const MIB = 1 << 20

/** A cluster with one service, in an API server. */
async function cluster(): Promise<FakeApiServer> {
  const api = await FakeApiServer.start()
  api.put(NAMESPACES, { metadata: { name: 'shop', uid: 'shop' } })
  api.put(SERVICES, {
    metadata: { name: 'web', namespace: 'shop', uid: 'web' },
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.96.1.1',
      clusterIPs: ['10.96.1.1'],
      ports: [{ port: 80, protocol: 'TCP' }],
    },
  })
  return api
}

interface Served {
  readonly subject: Subject
  end(): Promise<void>
}

/** A server that has to write to `disk` and cannot: the failures are told, and nothing is lost at full load. */
async function serve(note: Note, disk: string, what: string, options: SubjectOptions = {}): Promise<Served> {
  const api = await cluster()
  const corefile = (ports: Ports) =>
    clusterCorefile(ports).replace(/manifests \S+/, `endpoint ${api.url}\n        snapshot ${disk}/snapshot`)
  const subject = await Subject.start(corefile, { ...options, args: ['-pidfile', join(disk, 'pid')] })
  for (const says of Object.values(SAYS)) await subject.child.line(says, 5000)
  const run = await askFor(subject, 20_000, SECONDS)
  note(`${what}: ${told(run)}`)
  equal(run.lost, 0)
  match(replyText(await exchangeUdp(query('web.shop.svc.cluster.local'), subject.port)), /10\.96\.1\.1$/)
  equal(await subject.status('ready'), 200)
  equal((await subject.metrics()).sum('sextant_kubernetes_snapshot_write_failures_total'), 1)
  ok(readdirSync(disk).every(file => !file.startsWith('snapshot')))
  const end = async () => {
    deepEqual(await subject.stop(), { code: 0, signal: null })
    await api.close()
  }
  return { subject, end }
}

test('a full disk: neither snapshot nor pid file is written, nothing is lost; when there is room at the end, it is', async note => {
  const folder = temporaryFolder()
  await must('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path])
  const ballast = join(folder.path, 'ballast')
  throws(() => writeFileSync(ballast, Buffer.alloc(2 * MIB)), { code: 'ENOSPC' })
  const { end } = await serve(note, folder.path, 'full')
  rmSync(ballast)
  await end()
  ok(statSync(join(folder.path, 'snapshot')).size > 0)
  await must('umount', [folder.path])
  folder.remove()
})

test('no permission to write: nothing is lost', async note => {
  const folder = temporaryFolder()
  chmodSync(folder.path, 0o555)
  const wrapper = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--']
  const { end } = await serve(note, folder.path, 'forbidden', { wrapper })
  await end()
  deepEqual(readdirSync(folder.path), [])
  folder.remove()
})

test('a root file system that is read-only: nothing is lost', async note => {
  const folder = temporaryFolder()
  // Every mount but those of the kernel's own files, with the flags that it has; that it came to pass is tried.
  const script = `
    mount --make-rprivate /
    awk '{ print $5, $6 }' /proc/self/mountinfo | grep -v '^/\\(proc\\|sys\\|dev\\)' | while read -r at flags; do
      mount -o "remount,bind,ro\${flags#rw}" "$at" || exit 8
    done
    if touch ${folder.path}/x 2>/dev/null; then exit 9; fi
    exec "$0" "$@"`
  const wrapper = ['unshare', '--mount', 'sh', '-c', script]
  const { end } = await serve(note, folder.path, 'read-only', { wrapper })
  await end()
  deepEqual(readdirSync(folder.path), [])
  folder.remove()
})
