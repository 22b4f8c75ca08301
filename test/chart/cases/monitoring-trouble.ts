/**
 * Alerts of the chart in a real Prometheus, each with a cause of its own that is real: it fires, and says what is wrong.
 * Time spans are seconds instead of minutes (monitored.ts); thresholds are those of the chart, but for the age of the view.
 * A drift takes an API server that lies: that alert is in monitoring-rules.ts alone.
 */
import { deepEqual, match, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { programs } from '../chart.ts'
import { jobs, type Monitored, monitored } from '../monitored.ts'
import { dashboardOf, expressionsOf, monitoring, rulesOf } from '../monitoring.ts'
import { hasData } from '../prometheus.ts'
import { QUIET } from '../quiet.ts'

const skip = programs().prometheus ? '' : 'no prometheus on PATH, and none fetched by npm run chart:assets'
const FIRES_MS = 30_000
const ENDS_MS = 30_000
/** More than its socket holds: 8 MiB, of which a small datagram takes 768 octets. */
const FLOOD = 30_000

interface Row {
  alert: string
  /** What is wrong. */
  when: string
  says: RegExp
  /** Those of which it is told; all that run by default. */
  of?: readonly string[]
  cause: (world: Monitored) => Promise<void> | void
  mend?: (world: Monitored) => Promise<void> | void
}

const askAlso = (kind: string, perTick: number) => ({
  cause: ({ loads }: Monitored) => {
    for (const load of loads) load.alsoAsk(kind, perTick)
  },
  mend: ({ loads }: Monitored) => {
    for (const load of loads) load.askAsBefore()
  },
})

let answering: Monitored['upstream']['script']

const ROWS: readonly Row[] = [
  {
    alert: 'ClusterDnsFails',
    when: 'an upstream fails for many names',
    says: /^\d\d\.\d+% of all replies are SERVFAIL\.$/,
    ...askAlso('fails', 5),
  },
  {
    alert: 'ClusterDnsSlow',
    when: 'an upstream does not answer for some names',
    // CoreDNS gives up after 2 s where there is one upstream.
    of: ['sextant'],
    says: /^One query of a hundred in \. takes \d(\.\d+)?s; clients give up after 5 s\.$/,
    ...askAlso('silent', 1),
  },
  {
    alert: 'ClusterDnsUpstreamLimit',
    when: 'more wait for upstreams than may',
    says: /^127\.0\.0\.1:\d+ refuses questions, as max_concurrent others wait for upstreams\.$/,
    ...askAlso('silent', 10),
  },
  {
    alert: 'ClusterDnsUpstreamsDown',
    when: 'the upstream is gone',
    says: /^127\.0\.0\.1:\d+ finds all of its upstreams down\.$/,
    cause: ({ upstream }) => {
      answering = upstream.script
      upstream.script = () => undefined
    },
    mend: ({ upstream }) => {
      upstream.script = answering
    },
  },
  {
    alert: 'ClusterDnsSlowToChange',
    when: 'changes come two minutes late',
    says: /^Changes of services take [23]m \d+s until they are answered\.$/,
    cause: ({ setLateness }) => setLateness(120_000),
    mend: ({ setLateness }) => setLateness(0),
  },
  {
    alert: 'ClusterDnsReloadFailed',
    when: 'a Corefile names a plugin that does not exist',
    says: /^127\.0\.0\.1:\d+ cannot take over its Corefile, and runs the one before\.$/,
    cause: ({ servers }) => {
      for (const server of servers) server.edit('loop', 'nothing')
    },
    mend: ({ servers }) => {
      for (const server of servers) server.edit()
    },
  },
  {
    alert: 'SextantViewOld',
    when: 'the API server is out of reach',
    says: /^What 127\.0\.0\.1:\d+ knows of (services|namespaces|endpointslices) was last known to be current \d+\.\d+s ago\.$/,
    of: ['sextant'],
    cause: ({ relay }) => relay.cut(),
    mend: ({ relay }) => relay.mend(),
  },
  {
    alert: 'SextantUdpDropped',
    when: 'a process that is asked much is frozen for a moment',
    says: /^The kernel drops queries to 127\.0\.0\.1:\d+ that it does not read in time\.$/,
    of: ['sextant'],
    cause: async ({ servers: [sextant], loads: [load] }) => {
      sextant!.signal('SIGSTOP')
      await load!.flood(FLOOD)
      sextant!.signal('SIGCONT')
    },
  },
  {
    alert: 'SextantLoop',
    when: 'a server that starts forwards to itself',
    says: /^Upstream 127\.0\.0\.1:10200 of 127\.0\.0\.1:\d+ sends queries back to it\.$/,
    of: ['troubled'],
    cause: ({ troubled }) => troubled.start(),
  },
  {
    alert: 'SextantThreadsDie',
    when: 'one ends',
    says: /^Threads of 127\.0\.0\.1:\d+ end, and are replaced\.$/,
    of: ['troubled'],
    cause: ({ troubled }) => troubled.signal('SIGUSR2'),
  },
  {
    alert: 'ClusterDnsException',
    when: 'one is thrown',
    says: /^Queries end in exceptions on 127\.0\.0\.1:\d+; the log has them\.$/,
    of: ['troubled'],
    cause: ({ troubled }) => troubled.signal('SIGWINCH'),
  },
  {
    alert: 'SextantSnapshotInUse',
    when: 'a server starts while the API server is out of reach',
    says: /^127\.0\.0\.1:\d+ answers from its snapshot, as it does not reach the API server\.$/,
    of: ['troubled'],
    cause: async ({ troubled, relay }) => {
      await troubled.stop('SIGTERM')
      relay.cut()
      await troubled.start()
    },
    mend: ({ relay }) => relay.mend(),
  },
]

test('alerts: each has a cause here, but for SextantDrift', async () => {
  const { groups } = rulesOf(await monitoring())
  const named = groups.flatMap(group => group.rules).map(({ alert }) => alert)
  const shown = [...ROWS.map(({ alert }) => alert), 'ClusterDnsAbsent', 'SextantDrift']
  deepEqual(named.toSorted(), shown.toSorted())
})

async function told(alert: string) {
  const { prometheus } = await monitored()
  return (await prometheus.firing()).filter(({ name }) => name === alert)
}

for (const { alert, when, says, of = jobs, cause, mend } of ROWS) {
  test(
    `alerts: ${alert} fires when ${when}`,
    async note => {
      const world = await monitored()
      const isQuiet = async () => deepEqual(await world.prometheus.query(`ALERTS{alertname="${alert}"}`), [])
      await eventually(ENDS_MS, `${alert} being neither pending nor firing`, isQuiet, 250)
      try {
        await cause(world)
        const ms = await eventually(
          FIRES_MS,
          `${alert} firing`,
          async () => {
            const named = new Set((await told(alert)).map(({ labels }) => labels.job!))
            deepEqual([...named].toSorted(), [...of].toSorted())
          },
          250,
        )
        for (const { summary } of await told(alert)) match(summary, says)
        note(`after ${(ms / 1000).toFixed(1)} s`)
      } finally {
        await mend?.(world)
      }
    },
    { skip, timeoutMs: 90_000 },
  )
}

test(
  'alerts: all are over when their causes are',
  async note => {
    const { prometheus, troubled } = await monitored()
    await troubled.stop()
    const over = async () => deepEqual(await prometheus.firing(), [])
    note(`after ${((await eventually(ENDS_MS, 'the end of all alerts', over, 250)) / 1000).toFixed(1)} s`)
  },
  { skip },
)

test(
  'alerts: what the dashboard did not show of healthy servers was shown in trouble',
  async () => {
    const { prometheus, startedMs } = await monitored()
    const dashboard = dashboardOf(await monitoring())
    for (const job of jobs) {
      const all = expressionsOf(dashboard, job === 'sextant' ? 'sextant|troubled' : job, '10s')
      const quiet = all.filter(({ name }) => name in QUIET[job]!)
      ok(quiet.length > 0)
      for (const { name, expression } of quiet) {
        ok(hasData(await prometheus.queryRange(expression, startedMs)), `${job}: ${name}`)
      }
    }
  },
  { skip },
)

test(
  'alerts: ClusterDnsAbsent fires when all servers are gone',
  async note => {
    const { servers, rest } = await monitored()
    rest()
    await Promise.all(servers.map(server => server.stop()))
    const fires = async () => ok((await told('ClusterDnsAbsent')).length === 1)
    note(`after ${((await eventually(FIRES_MS, 'the alert', fires, 250)) / 1000).toFixed(1)} s`)
    match((await told('ClusterDnsAbsent'))[0]!.summary, /^No name server of the cluster is scraped\.$/)
  },
  { skip },
)
