/** Files that vanish while the server runs: what was read is kept, a reload that needs them says so and changes nothing. */
import { deepEqual, equal } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { cpSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answer, type FakeUpstream, fakeUpstream, QueryReader } from '../../harness/fake-upstream.ts'
import { temporaryFolder } from '../../harness/server.ts'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { SERVER, tlsFolder } from '../../harness/tls.ts'
import { Asker } from '../asker.ts'
import { clusterCorefile } from '../load.ts'
import { type Ports, Subject } from '../subject.ts'

const RELOAD_MS = 20_000
const RESOLVER = '127.0.0.53'
const NAMES = ['web.shop.svc.cluster.local', 'a.file.test', 'a.tls.test', 'a.plain.test']

/** A resolver where resolv.conf can name it: on port 53. */
async function resolver(): Promise<{ close(): void }> {
  const socket = createSocket('udp4').bind(53, RESOLVER)
  const reader = new QueryReader()
  socket.on('message', (octets, from) => {
    const asked = reader.read(octets, 'udp', from.port)
    socket.send(answer(asked, [`${asked.name} 1 A 192.0.2.53`]), from.port, from.address)
  })
  await once(socket, 'listening')
  return { close: () => socket.close() }
}

const corefile = (ports: Ports, files: string, tls: FakeUpstream) =>
  clusterCorefile(
    ports,
    `hosts ${files}/hosts {
        reload 1s
        fallthrough
    }
    forward tls.test tls://${tls.address} {
        tls ${files}/tls/ca.crt
        expire 1s
    }
    forward . ${files}/resolv.conf
    reload 2s 0s`,
  )

test('resolv.conf, hosts, certificates and the Corefile vanish: nothing is lost, and a reload works when they are back', async note => {
  const folder = temporaryFolder()
  const files = join(folder.path, 'files')
  mkdirSync(files)
  cpSync(tlsFolder, join(files, 'tls'), { recursive: true })
  writeFileSync(join(files, 'hosts'), '192.0.2.1 a.file.test\n')
  writeFileSync(join(files, 'resolv.conf'), `nameserver ${RESOLVER}\n`)
  const [plain, tls] = [
    await resolver(),
    await fakeUpstream(asked => answer(asked, [`${asked.name} 1 A 192.0.2.2`]), SERVER),
  ]
  const subject = await Subject.start(ports => corefile(ports, files, tls))
  const client = new Asker({ port: subject.port, names: NAMES, everyMs: 5 })
  const failures = async () => (await subject.metrics()).sum('coredns_reload_failed_total') ?? 0
  await delay(500)
  renameSync(files, `${files}.away`)
  // Longer than any file is looked at again, and a connection over TLS is kept.
  await delay(2500)
  equal(await failures(), 0)
  const from = subject.child.lines.length
  subject.child.signal('SIGUSR1')
  await subject.child.line(/Reloading failed, the old configuration stays/, RELOAD_MS, from)
  await subject.child.line(/resolv.conf|ca.crt/, RELOAD_MS, from)
  equal(await failures(), 1)
  renameSync(join(subject.folder, 'Corefile'), join(subject.folder, 'away'))
  await subject.child.line(/Corefile ".*" does not exist/, RELOAD_MS, from)
  const { lost, rcodes, answered } = await client.stop()
  note(`${answered} answered, ${lost} lost while they were away`)
  deepEqual([lost, [...rcodes.keys()]], [0, [0]])
  renameSync(`${files}.away`, files)
  subject.writeCorefile(corefile(subject.ports, files, tls))
  const back = subject.child.lines.length
  subject.child.signal('SIGUSR1')
  await subject.child.line(/^\[INFO\] Reloading complete$/, RELOAD_MS, back)
  await eventually(5000, 'being ready', async () => equal(await subject.status('ready'), 200))
  deepEqual(await subject.stop(), { code: 0, signal: null })
  await tls.close()
  plain.close()
  folder.remove()
})
