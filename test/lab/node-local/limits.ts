/** What holds of both containers throughout, and what is left when the role is taken away. The last of its tests. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from '../../harness/suite.ts'
import { MIB, staysBelow } from '../life/memory.ts'
import { givenTo, nodes, present, processesOn, remove } from './role.ts'

/** Of both containers in k8s/node-local/daemonset.yaml. */
const LIMIT = 170 * MIB
/** Bits of capabilities(7): NET_BIND_SERVICE, NET_ADMIN. */
const NET_BIND_SERVICE = 1n << 10n
const NET_ADMIN = 1n << 12n

test('node-local: memory: no container came to its limit, and none was killed for it', async note => {
  await present()
  for (const kind of ['node-local server', 'node-local watcher'] as const) staysBelow(kind, LIMIT, 'ownPeak', note)
})

test('node-local: the server is nobody with one capability, the watcher has two and no way to more; both on a read-only root', async () => {
  await present()
  for (const node of nodes) {
    const [server] = processesOn(node, 'server')
    const [watcher] = processesOn(node, 'watcher')
    const ofServer = readFileSync(`/proc/${server}/status`, 'utf8')
    match(ofServer, /^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
    equal(capabilities(ofServer, 'CapEff'), NET_BIND_SERVICE)
    equal(capabilities(ofServer, 'CapBnd'), NET_BIND_SERVICE)
    const ofWatcher = readFileSync(`/proc/${watcher}/status`, 'utf8')
    equal(capabilities(ofWatcher, 'CapEff'), NET_BIND_SERVICE | NET_ADMIN)
    equal(capabilities(ofWatcher, 'CapBnd'), NET_BIND_SERVICE | NET_ADMIN)
    match(ofWatcher, /^NoNewPrivs:\s+1$/m)
    for (const [pid, status] of [
      [server, ofServer],
      [watcher, ofWatcher],
    ]) {
      match(status as string, /^Seccomp:\s+2$/m)
      match(readFileSync(`/proc/${pid}/mounts`, 'utf8'), /^\S+ \/ \S+ ro[, ]/m)
    }
  }
})

test(
  'node-local: taken out as docs/node-local.md says, it leaves the rules of the nodes as they were',
  async () => {
    await present()
    await remove()
    for (const node of nodes) deepEqual(await givenTo(node), [])
  },
  { timeoutMs: 120_000 },
)

function capabilities(status: string, set: string): bigint {
  return BigInt(`0x${new RegExp(`^${set}:\\s+([0-9a-f]+)$`, 'm').exec(status)![1]}`)
}
