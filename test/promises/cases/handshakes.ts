/** TLS handshakes that nobody completes, beside clients that ask over UDP. */

import { equal, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from '../../harness/suite.ts'
import { tlsFolder } from '../../harness/tls.ts'
import type { HelloCount, Hellos } from '../hellos.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, type Ports, Subject } from '../subject.ts'

const PER_SECOND = 1000
const SECONDS = isLong ? 20 : 5
const UDP_PER_SECOND = 5000
const MB = 1e6

/** The cluster over UDP, and over TLS at the port behind `metrics`. */
function corefile(ports: Ports): string {
  const names = ['server.crt', 'server.key'].map(name => `${tlsFolder}/${name}`)
  return `${clusterCorefile(ports, `tls ${names.join(' ')}`).replace(' {', ` tls://.:${tlsPort(ports)} {`)}`
}

const tlsPort = ({ metrics }: Ports) => metrics + 10_000

async function hellos(load: Hellos): Promise<HelloCount> {
  const script = join(import.meta.dirname, '../hellos.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(load)])
  return JSON.parse(stdout) as HelloCount
}

test(`#51, ${PER_SECOND} TLS handshakes a second that are never completed: no UDP reply is lost`, async note => {
  const subject = await Subject.start(corefile)
  const quiet = await askFor(subject, UDP_PER_SECOND, SECONDS)
  note(`without: ${told(quiet)}`)
  const rssBytes = subject.rssBytes
  const flood = hellos({ port: tlsPort(subject.ports), perSecond: PER_SECOND, seconds: SECONDS + 1 })
  const beside = await askFor(subject, UDP_PER_SECOND, SECONDS)
  const { begun, answered, refused } = await flood
  note(`beside: ${told(beside)}`)
  note(`${begun} handshakes begun, ${answered} answered, ${refused} turned away`)
  note(`RSS ${(rssBytes / MB).toFixed(0)} MB before, ${(subject.rssBytes / MB).toFixed(0)} MB after`)
  equal(beside.lost, 0)
  ok(begun > (PER_SECOND * SECONDS) / 2, 'the flood is one')
  ok(answered > 0)
  ok(subject.rssBytes - rssBytes < 64 * MB)
  await subject.stop()
})
