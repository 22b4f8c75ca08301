/** The server of a node, or its watcher, ends without a word, or hangs, under load: the Service answers, and no lookup fails. */
import { equal } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { killReplica, processes } from '../life/addon.ts'
import { losesNone } from '../life/load.ts'
import { LOAD, LOAD_OF_NEW_NAMES, nodes, present, processesOn, serves, servesNothing } from './role.ts'

const TIMEOUT = { timeoutMs: 150_000 }
/** So long that a lookup through musl fails, 5 s, if the server is not passed over; shorter than kubelet waits for `health`. */
const HANGS_MS = 7000
const [first, second] = nodes

/** The one process of a part of the role on a node. */
function only(node: (typeof nodes)[number], part: 'server' | 'watcher'): number {
  const found = processesOn(node, part)
  equal(found.length, 1, `processes of the ${part} on ${node.name}`)
  return found[0]!
}

for (const part of ['server', 'watcher'] as const) {
  test(
    `node-local: SIGKILL of the ${part} of a node: no lookup fails, and its rules go and come back`,
    async note => {
      await present()
      await losesNone(
        `node-local: SIGKILL of the ${part}`,
        async () => {
          const node = part === 'server' ? first! : second!
          process.kill(only(node, part), 'SIGKILL')
          note(`rules gone after ${(await servesNothing(node)).toFixed(0)} ms`)
          note(`back after ${((await serves(node)) / 1000).toFixed(1)} s`)
        },
        note,
        LOAD,
      )
    },
    TIMEOUT,
  )
}

test(
  'node-local: the server of a node hangs for 7 s: no lookup fails',
  async note => {
    await present()
    await losesNone(
      'node-local: a server hangs for 7 s',
      async () => {
        const pid = only(second!, 'server')
        process.kill(pid, 'SIGSTOP')
        try {
          const goneMs = await servesNothing(second!)
          note(`rules gone after ${(goneMs / 1000).toFixed(1)} s`)
          await delay(HANGS_MS - goneMs)
        } finally {
          process.kill(pid, 'SIGCONT')
        }
        await serves(second!)
        equal(only(second!, 'server'), pid)
      },
      note,
      LOAD,
    )
  },
  TIMEOUT,
)

test(
  'node-local: SIGKILL of a replica of the cluster’s DNS behind the caches, which have none of the names: no lookup fails',
  async note => {
    await present()
    await losesNone(
      'node-local: SIGKILL of a replica of the cluster’s DNS',
      async () => {
        const own = nodes.flatMap(node => processesOn(node, 'server'))
        await killReplica(processes('Sextant').find(pid => !own.includes(pid))!)
      },
      note,
      LOAD_OF_NEW_NAMES,
    )
  },
  TIMEOUT,
)
