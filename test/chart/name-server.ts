/**
 * A name server that is scraped: the built Sextant, or a CoreDNS, under kubeadm's Corefile with its ports and addresses
 * replaced by ones on the suite's loopback.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORK_DIR } from '../e2e/netns.ts'
import { Child } from '../harness/process.ts'
import { eventually } from '../harness/time.ts'
import { corefileOf, kustomize, ROOT } from './chart.ts'

const READY_MS = 30_000

export interface NameServerOptions {
  readonly name: string
  readonly binary: string
  /** The first of four ports: DNS, health, ready, metrics. */
  readonly port: number
  readonly kubeconfig: string
  /** `host:port` */
  readonly upstream: string
  /** Replaces texts of the Corefile, each of which must be in it. */
  readonly edits?: readonly (readonly [from: string, to: string])[]
  readonly environment?: Readonly<Record<string, string>>
}

export class NameServer {
  readonly name: string
  readonly port: number
  readonly #options: NameServerOptions
  /** Its own, with the Corefile. */
  readonly folder: string
  #corefile = ''
  #process: Child | undefined

  constructor(options: NameServerOptions) {
    this.#options = options
    this.name = options.name
    this.port = options.port
    this.folder = join(WORK_DIR, options.name)
    mkdirSync(this.folder, { recursive: true })
  }

  /** `host:port` of its metrics. */
  get target(): string {
    return `127.0.0.1:${this.port + 3}`
  }

  /** Started and ready. */
  async start(): Promise<void> {
    this.#corefile = await corefileFor(this.#options)
    const file = join(this.folder, 'Corefile')
    writeFileSync(file, this.#corefile)
    const { name, binary, environment } = this.#options
    const child = new Child(name, binary, ['-conf', file], { ...process.env, ...environment })
    this.#process = child
    const isReady = async () => {
      if (child.exit) throw new Error(`it ended\n${child.tail()}`)
      const { status } = await fetch(`http://127.0.0.1:${this.port + 2}/ready`)
      if (status !== 200) throw new Error(`/ready says ${status}\n${child.tail()}`)
    }
    await eventually(READY_MS, `${name} being ready`, isReady, 50)
  }

  /** Changes a text of the Corefile, for `reload` to find; no arguments, as it was. */
  edit(from = '', to = ''): void {
    if (!this.#corefile.includes(from)) throw new Error(`the Corefile has no "${from}"`)
    writeFileSync(join(this.folder, 'Corefile'), this.#corefile.replace(from, to))
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#process) throw new Error(`${this.name} was not started`)
    this.#process.signal(signal)
  }

  tail(): string {
    return this.#process?.tail() ?? ''
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#process?.stop(signal)
  }
}

async function corefileFor({ port, kubeconfig, upstream, edits = [] }: NameServerOptions): Promise<string> {
  const all: (readonly [string, string])[] = [
    ['.:53 {', `.:${port} {\n    bind 127.0.0.1`],
    ['health {', `health 127.0.0.1:${port + 1} {`],
    ['lameduck 5s', 'lameduck 0s'],
    ['ready', `ready 127.0.0.1:${port + 2}`],
    ['prometheus :9153', `prometheus 127.0.0.1:${port + 3}`],
    ['pods insecure', `pods insecure\n       kubeconfig ${kubeconfig}`],
    ['forward . /etc/resolv.conf', `forward . ${upstream}`],
    ...edits,
  ]
  return all.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`the Corefile has no "${from}"\n${text}`)
      return text.replace(from, to)
    },
    corefileOf(await kustomize(join(ROOT, 'k8s')), 'coredns'),
  )
}
