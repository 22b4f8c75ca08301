/** The dashboard in a real Prometheus that scrapes real servers under a little load: every expression, and what it shows. */
import { deepEqual, ok } from 'node:assert/strict'
import { delay } from '../../harness/time.ts'
import { test } from '../../harness/suite.ts'
import { programs } from '../chart.ts'
import { jobs, monitored } from '../monitored.ts'
import { dashboardOf, expressionsOf, monitoring, variablesOf } from '../monitoring.ts'
import { hasData } from '../prometheus.ts'

for (const job of jobs) {
  test(`dashboard: ${job}`, async note => {
    const { prometheus, startedMs } = await monitored()
    await delay(Math.max(0, startedMs + 15_000 - Date.now()))
    const shown = expressionsOf(dashboardOf(await monitoring()), job, '10s')
    for (const { name, expression } of shown) {
      const series = await prometheus.query(expression)
      console.log(hasData(series) ? 'data ' : series.length ? 'NaN  ' : 'none ', job, name, series.slice(0,3).map(s => JSON.stringify(s.labels)+s.values.map(v => v[1].toFixed(4))).join('  '))
    }
    for (const { name, selector, label } of variablesOf(dashboardOf(await monitoring()), job)) console.log(name, await prometheus.labelValues(label, selector))
    console.log(await prometheus.firing())
    console.log(await prometheus.queryRange('ALERTS', startedMs))
    ok(true)
    void note
  }, {skip: programs().prometheus ? '' : 'no prometheus'})
}
