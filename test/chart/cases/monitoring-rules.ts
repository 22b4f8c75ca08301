/**
 * The rules as the chart renders them, by promtool: what it takes, and when each alert fires in series that are made for it,
 * with its own threshold and its own times. A value is a minute: `0x30 1x60` is 0 for 30 minutes, then 1.
 */
import { deepEqual, match } from 'node:assert/strict'
import { stringify } from 'yaml'
import { run } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { fileOf, programs } from '../chart.ts'
import { monitoring, rulesOf } from '../monitoring.ts'

const options = { skip: programs().promtool ? '' : 'no promtool on PATH, and none fetched by npm run chart:assets' }
const JOB = { job: 'dns' }
const INSTANCE = { ...JOB, instance: '10.244.1.2:9153' }

interface Row {
  alert: string
  /** Values by series, without the labels `job` and `instance`. With the first ones it never fires. */
  calm: Readonly<Record<string, string>>
  wrong: Readonly<Record<string, string>>
  /** The minute in which it does not fire yet, the one in which it does, and one in which it does no more. */
  not: number
  fires: number
  over?: number
  labels: Readonly<Record<string, string>>
  severity?: string
  says: string
}

/** Of 100 events a minute so many take longer than `long` seconds, the others less than `short`. */
function histogram(name: string, labels: string, [short, long, longest]: readonly number[], slow: number) {
  const bucket = (le: number | string) => `${name}_bucket{${labels}, le="${le}"}`
  const fast = `0+${100 - slow}x90`
  return { [bucket(short!)]: fast, [bucket(long!)]: fast, [bucket(longest!)]: '0+100x90', [bucket('+Inf')]: '0+100x90' }
}

const responses = (noerror: number, servfail: number) => ({
  'coredns_dns_responses_total{rcode="NOERROR"}': `0+${noerror}x90`,
  'coredns_dns_responses_total{rcode="SERVFAIL"}': `0+${servfail}x90`,
})
const answers = (slow: number) =>
  histogram('coredns_dns_request_duration_seconds', 'zone="."', [2.048, 4.096, 8.192], slow)
const changes = (slow: number) =>
  histogram(
    'coredns_kubernetes_dns_programming_duration_seconds',
    'service_kind="cluster_ip"',
    [16.384, 32.768, 65.536],
    slow,
  )

/** A counter that is told of for as long as its last step is in sight. */
const step = (alert: string, series: string, minutes: number, labels: Record<string, string>, says: string): Row => ({
  alert,
  calm: { [series]: '7x90' },
  wrong: { [series]: '0x30 1x90' },
  not: 30,
  fires: 32,
  over: 32 + minutes,
  labels: { ...INSTANCE, ...labels },
  says,
})

const ROWS: readonly Row[] = [
  {
    alert: 'ClusterDnsAbsent',
    calm: { 'coredns_build_info{}': '1x90' },
    wrong: { 'coredns_build_info{}': '1x9 stale' },
    not: 19,
    fires: 21,
    labels: {},
    severity: 'critical',
    says: 'No name server of the cluster is scraped.',
  },
  {
    alert: 'ClusterDnsFails',
    calm: responses(97, 3),
    wrong: responses(96, 4),
    not: 10,
    fires: 12,
    labels: JOB,
    says: '4% of all replies are SERVFAIL.',
  },
  {
    alert: 'ClusterDnsSlow',
    calm: answers(0),
    wrong: answers(2),
    not: 10,
    fires: 12,
    labels: { ...JOB, zone: '.' },
    says: 'One query of a hundred in . takes 6.144s; clients give up after 5 s.',
  },
  {
    alert: 'ClusterDnsUpstreamsDown',
    calm: { 'coredns_forward_healthcheck_broken_total{}': '7x90' },
    wrong: { 'coredns_forward_healthcheck_broken_total{}': '0+1x90' },
    not: 5,
    fires: 7,
    labels: INSTANCE,
    severity: 'critical',
    says: '10.244.1.2:9153 finds all of its upstreams down.',
  },
  {
    alert: 'ClusterDnsUpstreamLimit',
    calm: { 'coredns_forward_max_concurrent_rejects_total{}': '7x90' },
    wrong: { 'coredns_forward_max_concurrent_rejects_total{}': '0+1x90' },
    not: 5,
    fires: 7,
    labels: INSTANCE,
    says: '10.244.1.2:9153 refuses questions, as max_concurrent others wait for upstreams.',
  },
  {
    alert: 'ClusterDnsSlowToChange',
    calm: changes(0),
    wrong: changes(2),
    not: 15,
    fires: 17,
    labels: { ...JOB, service_kind: 'cluster_ip' },
    says: 'Changes of services take 49.15s until they are answered.',
  },
  step(
    'ClusterDnsException',
    'coredns_panics_total{}',
    10,
    {},
    'Queries end in exceptions on 10.244.1.2:9153; the log has them.',
  ),
  step(
    'ClusterDnsReloadFailed',
    'coredns_reload_failed_total{}',
    10,
    {},
    '10.244.1.2:9153 cannot take over its Corefile, and runs the one before.',
  ),
  {
    alert: 'SextantViewOld',
    calm: { 'sextant_kubernetes_view_age_seconds{resource="services"}': '300x90' },
    wrong: { 'sextant_kubernetes_view_age_seconds{resource="services"}': '0+60x90' },
    not: 10,
    fires: 12,
    labels: { ...INSTANCE, resource: 'services' },
    says: 'What 10.244.1.2:9153 knows of services was last known to be current 12m 0s ago.',
  },
  step(
    'SextantDrift',
    'sextant_kubernetes_drift_total{resource="services"}',
    60,
    { resource: 'services' },
    '10.244.1.2:9153 had lost events of services; a comparison mended that.',
  ),
  {
    alert: 'SextantSnapshotInUse',
    calm: { 'sextant_kubernetes_snapshot_in_use{file="s"}': '0x90' },
    wrong: { 'sextant_kubernetes_snapshot_in_use{file="s"}': '1x90' },
    not: 9,
    fires: 11,
    labels: INSTANCE,
    says: '10.244.1.2:9153 answers from its snapshot, as it does not reach the API server.',
  },
  {
    alert: 'SextantUdpDropped',
    calm: { 'sextant_udp_dropped_total{server="dns://:53"}': '0+60x90' },
    wrong: { 'sextant_udp_dropped_total{server="dns://:53"}': '0+66x90' },
    not: 13, // the rate is over the limit once five minutes are full of it
    fires: 17,
    labels: INSTANCE,
    says: 'The kernel drops queries to 10.244.1.2:9153 that it does not read in time.',
  },
  step(
    'SextantLoop',
    'sextant_loop_detected_total{to="10.0.0.1:53"}',
    15,
    { to: '10.0.0.1:53' },
    'Upstream 10.0.0.1:53 of 10.244.1.2:9153 sends queries back to it.',
  ),
  step(
    'SextantThreadsDie',
    'sextant_thread_deaths_total{}',
    15,
    {},
    'Threads of 10.244.1.2:9153 end, and are replaced.',
  ),
]

async function promtool(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(programs().promtool!, args)
  return `${code}\n${stdout}${stderr}`
}

test(
  'rules: promtool takes what the chart renders, and refuses what is wrong in it',
  async note => {
    const rules = rulesOf(await monitoring())
    const all = rules.groups.flatMap(group => group.rules)
    deepEqual(
      ROWS.map(({ alert }) => alert),
      all.map(({ alert }) => alert),
    )
    const said = await promtool('check', 'rules', '--lint-fatal', fileOf(stringify(rules)))
    match(said, new RegExp(`^0\n.*SUCCESS: ${all.length} rules found`, 's'))
    all[0]!.annotations.summary = '{{ $value | humaniseDuration }}'
    match(await promtool('check', 'rules', fileOf(stringify(rules))), /^1\n.*function "humaniseDuration" not defined/s)
    note(`${all.length} rules`)
  },
  options,
)

const seriesOf = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([series, text]) => ({
    series: series.replace('{', '{job="dns", instance="10.244.1.2:9153", ').replace(', }', '}'),
    values: text,
  }))

for (const { alert, calm, wrong, not, fires, over, labels, severity = 'warning', says } of ROWS) {
  test(
    `rules: ${alert} fires in minute ${fires}, and not in minute ${not}`,
    async () => {
      const told = { exp_labels: { ...labels, severity }, exp_annotations: { summary: says } }
      const at = (minute: number, ...exp_alerts: object[]) => ({
        eval_time: `${minute}m`,
        alertname: alert,
        exp_alerts,
      })
      const tests = {
        rule_files: [fileOf(stringify(rulesOf(await monitoring())))],
        tests: [
          { interval: '1m', input_series: seriesOf(calm), alert_rule_test: [at(40), at(80)] },
          {
            interval: '1m',
            input_series: seriesOf(wrong),
            alert_rule_test: [at(not), at(fires, told), ...(over === undefined ? [] : [at(over)])],
          },
        ],
      }
      match(await promtool('test', 'rules', fileOf(stringify(tests))), /^0\n.*SUCCESS/s)
    },
    options,
  )
}
