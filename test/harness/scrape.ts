/** What Prometheus would read. */

/** A scrape in the text format. */
export class Metrics {
  readonly text: string
  readonly names = new Set<string>()
  readonly #samples: { name: string; labels: Map<string, string>; value: number }[] = []

  constructor(text: string) {
    this.text = text
    for (const line of text.split('\n')) {
      const type = /^# TYPE (\S+)/.exec(line)
      if (type) this.names.add(type[1]!)
      const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line)
      if (sample) this.#samples.push({ name: sample[1]!, labels: labelsOf(sample[2] ?? ''), value: Number(sample[3]) })
    }
  }

  /** The sum of all samples that carry these labels; undefined when there is none. */
  sum(name: string, labels: Record<string, string> = {}): number | undefined {
    const found = this.#samples.filter(
      sample =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels.get(key) === value),
    )
    return found.length === 0 ? undefined : found.reduce((total, { value }) => total + value, 0)
  }

  labelNames(name: string): string[] {
    const sample = this.#samples.find(other => other.name === name)
    if (!sample) throw new Error(`no sample of ${name}`)
    return [...sample.labels.keys()].filter(label => label !== 'le').sort()
  }
}

function labelsOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key!, value!]))
}
