/** The dashboard and the alerts as the chart ships them, made ready for a Prometheus: variables filled in, times shortened. */
import { type Objects, render } from './chart.ts'

interface Dashboard {
  readonly panels: readonly {
    readonly type: string
    readonly title: string
    readonly targets?: readonly { expr: string; legendFormat: string }[]
  }[]
  readonly templating: { readonly list: readonly { name: string; type: string; definition?: string }[] }
}

/** One expression of the dashboard, under `ROW / PANEL / LEGEND`. */
export interface Shown {
  readonly name: string
  readonly row: string
  readonly expression: string
}

export interface Rule {
  alert: string
  expr: string
  for?: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

export interface RuleFile {
  groups: { name: string; rules: Rule[] }[]
}

/** What the chart renders with dashboard and rules switched on. */
export function monitoring(): Promise<Objects> {
  return render('dashboards: {enabled: true}\nprometheus: {rules: {enabled: true}}')
}

export function dashboardOf(objects: Objects): Dashboard {
  const { data } = objects.get('ConfigMap/dns-sextant-dashboard') as unknown as { data: { 'sextant.json': string } }
  return JSON.parse(data['sextant.json'])
}

/** A copy that may be changed. */
export function rulesOf(objects: Objects): RuleFile {
  const { spec } = objects.get('PrometheusRule/dns-sextant') as unknown as { spec: RuleFile }
  return structuredClone(spec)
}

/** Every expression of every panel, with what Grafana puts in for `$job`, all instances, and this `$__rate_interval`. */
export function expressionsOf({ panels }: Dashboard, job: string, interval: string): Shown[] {
  const shown: Shown[] = []
  let row = ''
  for (const { type, title, targets = [] } of panels) {
    if (type === 'row') row = title
    for (const { expr, legendFormat } of targets) {
      const expression = expr
        .replaceAll('$__rate_interval', interval)
        .replaceAll('$instance', '.*')
        .replaceAll('$job', job)
      shown.push({ name: `${row} / ${title} / ${legendFormat}`, row, expression })
    }
  }
  return shown
}

/** The variables that ask Prometheus: `label_values(SELECTOR, LABEL)`. */
export function variablesOf(
  { templating }: Dashboard,
  job: string,
): { name: string; selector: string; label: string }[] {
  return templating.list
    .filter(({ type }) => type === 'query')
    .map(({ name, definition = '' }) => {
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? []
      if (!selector || !label) throw new Error(`${name}: "${definition}" is no label_values(SELECTOR, LABEL)`)
      return { name, selector: selector.replaceAll('$job', job), label }
    })
}

/** The same rules for impatient tests: every time span of an expression is `seconds`, and alerts wait for one second. */
export function shortened({ groups }: RuleFile, seconds: number): RuleFile {
  const short = (rule: Rule): Rule => ({
    ...rule,
    expr: rule.expr.replaceAll(/\b\d+[mh]\b/g, `${seconds}s`),
    ...(rule.for && { for: '1s' }),
  })
  return { groups: groups.map(group => ({ ...group, rules: group.rules.map(short) })) }
}
