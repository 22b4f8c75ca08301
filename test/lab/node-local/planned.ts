/** What administrators do to the role, and to the cluster's DNS behind it, under load: no lookup fails. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { restart as restartClusterDNS } from '../life/addon.ts'
import { losesNone } from '../life/load.ts'
import { podsWith } from '../pods.ts'
import { corefileOf, inKubeSystem, writeCorefile } from '../replicas.ts'
import {
  apply,
  countsOf,
  DAEMON_SET,
  LOAD,
  LOAD_OF_NEW_NAMES,
  NODE_LOCAL_LABEL,
  nodes,
  present,
  processesOn,
  restart,
  servesNothing,
  settled,
} from './role.ts'

const TIMEOUT = { timeoutMs: 150_000 }
const CONFIG_MAP = 'node-local-dns'

/** The most servers that were on a node at a time while `work` went on. */
async function mostServers(work: () => Promise<unknown>): Promise<number> {
  let most = 0
  const look = setInterval(() => {
    most = Math.max(most, ...nodes.map(node => processesOn(node, 'server').length))
  }, 200)
  try {
    await work()
  } finally {
    clearInterval(look)
  }
  return most
}

test(
  'node-local: the DaemonSet is restarted: old and new serve side by side, and no lookup fails',
  async note => {
    await present()
    await losesNone(
      'node-local: upgrade of the DaemonSet',
      async () => equal(await mostServers(restart), 2, 'servers on a node at a time'),
      note,
      LOAD,
    )
  },
  TIMEOUT,
)

test(
  'node-local: the cluster’s DNS is restarted behind the caches, which have none of the names: no lookup fails',
  async note => {
    await present()
    const misses = async (): Promise<number> =>
      (await countsOf('coredns_cache_misses_total')).reduce((total, count) => total + count)
    const before = await misses()
    await losesNone('node-local: restart of the cluster’s DNS', restartClusterDNS, note, LOAD_OF_NEW_NAMES)
    note(`${(await misses()) - before} of them were not in a cache`)
    ok((await misses()) - before > 5000)
  },
  TIMEOUT,
)

test(
  'node-local: the DaemonSet is deleted and put back: the Service answers meanwhile, and no lookup fails',
  async note => {
    await present()
    await losesNone(
      'node-local: DaemonSet deleted, and back',
      async () => {
        await inKubeSystem('delete', DAEMON_SET, '--cascade=foreground')
        for (const node of nodes) await servesNothing(node)
        deepEqual(
          nodes.flatMap(node => processesOn(node, 'server')),
          [],
        )
        await apply()
        await settled()
      },
      note,
      LOAD,
    )
  },
  TIMEOUT,
)

test(
  'node-local: a Corefile with a mistake: the rollout stops, the old pods serve on, and no lookup fails',
  async note => {
    await present()
    const corefile = await corefileOf(CONFIG_MAP)
    const old = await podsWith(NODE_LOCAL_LABEL, 'kube-system')
    try {
      await losesNone(
        'node-local: a Corefile with a mistake',
        async () => {
          await writeCorefile(CONFIG_MAP, corefile.replace('errors', 'erors'))
          await inKubeSystem('rollout', 'restart', DAEMON_SET)
          const waiting = '{.items[*].status.containerStatuses[?(@.name=="node-local-dns")].restartCount}'
          const get = ['get', 'pods', '-l', NODE_LOCAL_LABEL, '-o', `jsonpath=${waiting}`]
          await eventually(
            30_000,
            'the new pod that does not start',
            async () => ok(/[1-9]/.test(await inKubeSystem(...get))),
            500,
          )
          const names = (await podsWith(NODE_LOCAL_LABEL, 'kube-system')).map(({ name }) => name)
          for (const { name } of old) ok(names.includes(name), `${name} is gone`)
        },
        note,
        LOAD,
      )
    } finally {
      await writeCorefile(CONFIG_MAP, corefile)
      await inKubeSystem('rollout', 'undo', DAEMON_SET)
      await settled()
    }
    equal(
      (await kubectl('-n', 'kube-system', 'get', 'pods', '-l', NODE_LOCAL_LABEL, '-o', 'name')).trim().split('\n')
        .length,
      2,
    )
  },
  TIMEOUT,
)
