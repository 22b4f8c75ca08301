/**
 * A Prometheus that scrapes every second, on loopback: its configuration, its process, and what its HTTP API says.
 * The API is described at https://prometheus.io/docs/prometheus/latest/querying/api/.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { WORK_DIR } from '../e2e/netns.ts'
import { Child } from '../harness/process.ts'
import { eventually } from '../harness/time.ts'

const READY_MS = 30_000

export interface PrometheusOptions {
  readonly binary: string
  readonly port: number
  /** `host:port` of what is scraped, by job. */
  readonly jobs: Readonly<Record<string, string>>
  /** Rule files, evaluated every second. */
  readonly rules: readonly string[]
}

/** A series and its values: seconds of the clock, and numbers that may be NaN or infinite. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly (readonly [seconds: number, value: number])[]
}

export interface FiringAlert {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
}

interface Result {
  readonly metric: Record<string, string>
  readonly value?: [number, string]
  readonly values?: [number, string][]
}

export class Prometheus {
  readonly #url: string
  readonly #process: Child

  private constructor(url: string, process: Child) {
    this.#url = url
    this.#process = process
  }

  /** Started; jobs may be up or not. */
  static async start({ binary, port, jobs, rules }: PrometheusOptions): Promise<Prometheus> {
    const folder = join(WORK_DIR, `prometheus-${port}`)
    mkdirSync(folder, { recursive: true })
    const configuration = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: rules,
      scrape_configs: Object.entries(jobs).map(([job, target]) => ({
        job_name: job,
        static_configs: [{ targets: [target] }],
      })),
    }
    const file = join(folder, 'prometheus.yml')
    writeFileSync(file, stringify(configuration))
    const child = new Child('prometheus', binary, [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ])
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child)
    const isReady = async () => {
      if (child.exit) throw new Error(`it ended\n${child.tail()}`)
      await prometheus.query('vector(1)')
    }
    await eventually(READY_MS, 'Prometheus being ready', isReady, 100)
    return prometheus
  }

  /** Series that the expression has now, a value each. @throws what the server says is wrong with it */
  async query(expression: string): Promise<Series[]> {
    return seriesOf(await this.#get('query', { query: expression }))
  }

  /** The same at every second from `fromMs` (of the clock) until now; a series has values where it is there. */
  async queryRange(expression: string, fromMs: number): Promise<Series[]> {
    const [start, end] = [fromMs, Date.now()].map(ms => (ms / 1000).toFixed(3)) as [string, string]
    return seriesOf(await this.#get('query_range', { query: expression, start, end, step: '1' }))
  }

  /** Values of a label over the series that a selector takes, as Grafana's `label_values`. */
  async labelValues(label: string, selector: string): Promise<string[]> {
    return (await this.#get(`label/${label}/values`, { 'match[]': selector })) as string[]
  }

  async firing(): Promise<FiringAlert[]> {
    const { alerts } = (await this.#get('alerts', {})) as {
      alerts: { state: string; labels: Record<string, string>; annotations: { summary: string } }[]
    }
    return alerts
      .filter(({ state }) => state === 'firing')
      .map(({ labels, annotations }) => ({ name: labels.alertname!, labels, summary: annotations.summary }))
  }

  async stop(): Promise<void> {
    await this.#process.stop('SIGKILL')
  }

  async #get(path: string, parameters: Record<string, string>): Promise<unknown> {
    const url = `${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string }
    if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`)
    return data
  }
}

function seriesOf(data: unknown): Series[] {
  const { resultType, result } = data as { resultType: string; result: Result[] }
  if (resultType !== 'vector' && resultType !== 'matrix') throw new Error(`found a ${resultType}, expected series`)
  return result.map(({ metric, value, values = value ? [value] : [] }) => ({
    labels: metric,
    values: values.map(([seconds, text]) => [seconds, numberOf(text)] as const),
  }))
}

/** Prometheus writes +Inf, -Inf and NaN. */
function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}

/** True if any value of any series is a number: NaN is what a quantile of nothing and 0 / 0 come to. */
export function hasData(series: readonly Series[]): boolean {
  return series.some(({ values }) => values.some(([, value]) => !Number.isNaN(value)))
}
