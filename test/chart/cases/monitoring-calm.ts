/**
 * Dashboard and alerts in a real Prometheus while all is well: each expression is taken, each shows something of a server
 * under a little load, or is known not to, and no alert fires.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { stringify } from 'yaml'
import { run } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { fileOf, programs } from '../chart.ts'
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

async function promtool(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(programs().promtool!, args)
  return `${code}\n${stdout}${stderr}`
}

test(
  'rules: promtool takes what the chart renders, and refuses what is wrong in it',
  async note => {
    const rules = rulesOf(await monitoring())
    const count = rules.groups.flatMap(group => group.rules).length
    const said = await promtool('check', 'rules', fileOf(stringify(rules)))
    match(said, new RegExp(`^0\\n.*SUCCESS: ${count} rules found`, 's'))
    rules.groups[0]!.rules[0]!.annotations.summary = '{{ $value | humaniseDuration }}'
    match(await promtool('check', 'rules', fileOf(stringify(rules))), /^1\n.*function "humaniseDuration" not defined/s)
    note(`${count} rules`)
  },
  options,
)

test(
  'rules: a drift of one object is told, once, in an hour that had none',
  async () => {
    const rules = fileOf(stringify(rulesOf(await monitoring())))
    const series = 'sextant_kubernetes_drift_total{job="dns", instance="10.244.1.2:9153", resource="services"}'
    const summary = '10.244.1.2:9153 had lost events of services; a comparison mended that.'
    const alert = {
      exp_labels: { severity: 'warning', job: 'dns', instance: '10.244.1.2:9153', resource: 'services' },
      exp_annotations: { summary },
    }
    const at = (eval_time: string, ...exp_alerts: object[]) => ({ eval_time, alertname: 'SextantDrift', exp_alerts })
    const tests = {
      rule_files: [rules],
      tests: [
        {
          interval: '1m',
          input_series: [{ series, values: '0x70 1x100' }],
          alert_rule_test: [at('70m'), at('72m', alert), at('125m', alert), at('135m')],
        },
      ],
    }
    match(await promtool('test', 'rules', fileOf(stringify(tests))), /^0\n.*SUCCESS/s)
  },
  options,
)

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
