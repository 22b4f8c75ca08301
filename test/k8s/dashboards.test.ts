/**
 * The dashboard and the alerts of k8s/chart/dashboards against the metrics that the server registers: each expression is
 * PromQL, and each metric and label in it is one that a scrape has.
 */
import { deepEqual, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'uvu'
import { parse } from 'yaml'
import '../../plugins/index.ts'
import '../../plugins/kubernetes/source/api-reporter.ts'
import '../../plugins/kubernetes/source/request-metrics.ts'
import { expose } from '../../plugins/prometheus/exposition.ts'
import '../../server/control/reload.ts'
import '../../server/listen/tcp.ts'
import { families } from '../../server/metrics.ts'
import { Metrics } from '../harness/scrape.ts'
import { readExpression } from './promql.ts'

const root = `${import.meta.dirname}/../..`
const read = (file: string) => readFileSync(`${root}/${file}`, 'utf8')

interface Panel {
  id: number
  type: string
  title: string
  gridPos: { h: number; w: number; x: number; y: number }
  targets?: { expr: string; legendFormat: string; refId: string }[]
}

interface Dashboard {
  panels: Panel[]
  templating: { list: { name: string; definition?: string }[] }
}

interface Rule {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: { summary: string }
}

const dashboard: Dashboard = JSON.parse(read('k8s/chart/dashboards/sextant.json'))
const { groups } = parse(read('k8s/chart/dashboards/alerts.yaml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap(group => group.rules)

/** What Prometheus adds to a series, and the label of a histogram's buckets. */
const ADDED = ['job', 'instance', 'le']

/** Metrics of processes have no label; those of threads are there with the second thread, and in the manual. */
async function labelsOfMetrics(): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Map<string, readonly string[]>()
  for (const { name, labelNames, kind } of families.values()) {
    known.set(name, labelNames)
    if (kind === 'histogram') for (const part of ['bucket', 'sum', 'count']) known.set(`${name}_${part}`, labelNames)
  }
  const bodies: string[] = []
  const response = { writeHead() {}, end: (body: string) => bodies.push(body) } as unknown as ServerResponse
  await expose({ method: 'GET' } as IncomingMessage, response, false)
  for (const name of new Metrics(bodies[0]!).names) if (name.startsWith('process_')) known.set(name, [])
  for (const [, name] of read('plugins/multisocket/README.md').matchAll(/^- `(sextant_\w+)`:/gm)) known.set(name!, [])
  return known
}

const known = await labelsOfMetrics()

/** Metrics and labels of an expression that no scrape has. */
function unknown(expression: string): string[] {
  // Grafana puts a duration there.
  const { readings } = readExpression(expression.replaceAll('$__rate_interval', '5m'))
  ok(readings.length > 0, `"${expression}" reads no metric`)
  return readings.flatMap(({ metric, labels }) => {
    const of = known.get(metric)
    if (!of) return [metric]
    return labels.filter(label => !of.includes(label) && !ADDED.includes(label)).map(label => `${metric}{${label}}`)
  })
}

const panels = dashboard.panels.filter(({ type }) => type !== 'row')

test('dashboard: every metric and label is one that a scrape has', () => {
  ok(panels.length > 20)
  const expressions = panels.flatMap(({ targets }) => targets!.map(({ expr }) => expr))
  deepEqual(expressions.flatMap(unknown), [])
})

test('dashboard: legends name labels that the expression leaves', () => {
  const wrong = panels.flatMap(({ title, targets }) =>
    targets!.flatMap(({ expr, legendFormat }) => {
      const { by = ['instance'] } = readExpression(expr.replaceAll('$__rate_interval', '5m'))
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!)
      const shown = by.filter(label => label !== 'le')
      return named.toSorted().join() === shown.toSorted().join() ? [] : [`${title}: ${legendFormat}, of ${shown}`]
    }),
  )
  deepEqual(wrong, [])
})

test('dashboard: panels have ids and places of their own, and variables that exist', () => {
  const ids = dashboard.panels.map(({ id }) => id)
  deepEqual(ids, [...new Set(ids)])
  const places = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  )
  deepEqual(places.length, new Set(places).size)
  const used = JSON.stringify(dashboard).match(/\$\{?[a-z]\w*/g) ?? []
  deepEqual([...new Set(used.map(name => name.replace(/\W/g, '')))].sort(), ['datasource', 'instance', 'job'])
  for (const { definition } of dashboard.templating.list) {
    const metric = definition && /label_values\((\w+)/.exec(definition)?.[1]
    ok(!metric || known.has(metric), `${metric}`)
  }
})

test('dashboard: CoreDNS has what it shows, but for the last row', () => {
  const last = dashboard.panels.findLastIndex(({ type }) => type === 'row')
  const own = (some: Panel[]) => some.flatMap(({ targets = [] }) => targets).filter(({ expr }) => /sextant_/.test(expr))
  deepEqual(own(dashboard.panels.slice(0, last)), [])
  ok(own(dashboard.panels.slice(last)).length > 10)
})

test('alerts: every metric and label is one that a scrape has', () => {
  deepEqual(
    rules.flatMap(({ expr }) => unknown(expr)),
    [],
  )
})

test('alerts: each is named once, has a severity, and speaks of labels that it has', () => {
  const names = rules.map(({ alert }) => alert)
  deepEqual(names, [...new Set(names)])
  for (const { alert, expr, labels, annotations } of rules) {
    ok(['critical', 'warning'].includes(labels.severity), alert)
    const { by = [] } = readExpression(expr)
    const spoken = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!)
    deepEqual(
      spoken.filter(label => !by.includes(label)),
      [],
      alert,
    )
  }
})

test('what is wrong is found', () => {
  deepEqual(unknown('sum by (rcod) (rate(coredns_dns_responses_total{plugn="a"}[5m])) / coredns_dns_answers_total'), [
    'coredns_dns_responses_total{plugn}',
    'coredns_dns_responses_total{rcod}',
    'coredns_dns_answers_total',
  ])
  throws(() => readExpression('sum by (a) (rate(b[5m])'), /no PromQL at/)
})

test.run()
