/**
 * Dashboard and alerts in a real Prometheus while all is well: each expression is taken, each shows something of a server
 * under a little load, or is known not to, and no alert fires.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { programs } from '../chart.ts'
import { coredns, jobs, monitored } from '../monitored.ts'
import { dashboardOf, expressionsOf, monitoring, rulesOf, variablesOf } from '../monitoring.ts'
import { hasData } from '../prometheus.ts'
import { NEVER, QUIET } from '../quiet.ts'

const options = { skip: programs().prometheus ? '' : 'no prometheus on PATH, and none fetched by npm run chart:assets' }
/** Until all that the load asks for has happened more than once, and alerts could have fired. */
const CALM_MS = 15_000
const INTERVAL = '10s'

async function calm() {
  const world = await monitored()
  await delay(Math.max(0, world.startedMs + CALM_MS - Date.now()))
  return world
}

for (const job of ['sextant', 'coredns']) {
  const isThere = jobs.includes(job)
  test(
    `dashboard: every panel shows what ${job} does`,
    async note => {
      const { prometheus } = await calm()
      const dashboard = dashboardOf(await monitoring())
      const quiet = { ...QUIET[job], ...NEVER[job] }
      const empty = new Set<string>()
      const shown = expressionsOf(dashboard, job, INTERVAL)
      for (const { name, row, expression } of shown) {
        const series = await prometheus.query(expression)
        if (!hasData(series)) empty.add(row in quiet ? row : name)
      }
      deepEqual([...empty].toSorted(), Object.keys(quiet).toSorted())
      for (const { name, selector, label } of variablesOf(dashboard, job)) {
        const values = await prometheus.labelValues(label, selector)
        equal(values.includes(name === 'job' ? job : await instanceOf(job)), true, `${name}: ${values}`)
      }
      const full = shown.filter(({ name, row }) => !empty.has(name) && !empty.has(row))
      note(`${full.length} of ${shown.length} expressions with data`)
    },
    isThere ? options : { skip: options.skip || 'no coredns on PATH' },
  )
}

async function instanceOf(job: string): Promise<string> {
  const { servers } = await monitored()
  return servers.find(({ name }) => name === job)!.target
}

test(
  `dashboard: all instances of all jobs at a time${coredns ? '' : ', of which there is one'}`,
  async () => {
    const { prometheus } = await calm()
    const dashboard = dashboardOf(await monitoring())
    for (const { name, expression } of expressionsOf(dashboard, '.*', INTERVAL)) {
      const series = await prometheus.query(expression)
      equal(hasData(series) || name in QUIET.sextant!, true, name)
    }
  },
  options,
)

test(
  'alerts: none fires on a healthy server, as it is and with short times',
  async note => {
    const { prometheus, startedMs } = await calm()
    const rules = rulesOf(await monitoring()).groups.flatMap(group => group.rules)
    for (const { alert, expr } of rules) deepEqual(await prometheus.query(expr), [], alert)
    const alerts = await prometheus.queryRange('ALERTS', startedMs)
    deepEqual(
      alerts.map(({ labels }) => labels),
      [],
    )
    note(`${rules.length} rules, ${((Date.now() - startedMs) / 1000).toFixed(0)} s`)
  },
  options,
)
