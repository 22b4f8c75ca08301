/** The two servers as processes on loopback ports, each with all configurations as server blocks of one Corefile. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findCommand, isExecutable } from '../harness/commands.ts'
import { askUdp } from './client.ts'
import type { Configuration } from './configurations.ts'
import { encodeQuery, labelsOf, TYPE } from './dns.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The server under test, another one where `SEXTANT_BIN` says so. */
export const OURS = resolve(process.env.SEXTANT_BIN ?? join(ROOT, 'bin/sextant'))
const READY_MS = 60_000

/** A configuration as it is served: with or without `cache`, on a port of each server. */
export interface Block {
  configuration: Configuration
  cached: boolean
  /** Zones that the directive comes to. */
  zones: readonly string[]
  ours: number
  theirs: number
}

export interface Access {
  endpoint: string
  tlsEndpoint: string
  kubeconfig: string
  tls: string
  upstream: string
}

/** A `coredns` on PATH, or the file that is named; undefined where there is none. */
export function findCoredns(named: string | undefined): string | undefined {
  return named ? [resolve(named)].find(isExecutable) : findCommand('coredns')
}

export function versionOf(binary: string): string {
  return execFileSync(binary, ['-version'], { encoding: 'utf8' }).split('\n')[0]!
}

/** Undefined if this Sextant takes the configuration, else the first line of what it says against it. */
export function refusalOf(configuration: Configuration, access: Access, folder: string): string | undefined {
  const file = join(folder, 'check.Corefile')
  writeFileSync(file, blockText(configuration, false, 1053, access))
  try {
    execFileSync(OURS, ['check', file], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer }
    return `${stdout}${stderr}`.trim().split('\n')[0]!.replace(file, 'Corefile')
  }
}

/** Below the ports that a kernel gives to connections, which both servers open before they listen. */
const FIRST_PORT = 20_000

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  const isBound = await new Promise<boolean>(done => {
    probe.once('error', () => done(false))
    probe.listen(port, () => done(true))
  })
  await new Promise(done => probe.close(done))
  return isBound
}

export async function blocksOf(configurations: readonly Configuration[]): Promise<Block[]> {
  const blocks: Block[] = []
  let port = FIRST_PORT
  const freePort = async (): Promise<number> => {
    while (!(await isFree(port))) port++
    return port++
  }
  for (const configuration of configurations) {
    const zones = configuration.means ?? (configuration.zones.length > 0 ? configuration.zones : configuration.keys!)
    for (const cached of [false, true]) {
      blocks.push({ configuration, cached, zones, ours: await freePort(), theirs: await freePort() })
    }
  }
  return blocks
}

export class Peers {
  readonly folder = mkdtempSync(join(tmpdir(), 'sextant-parity-'))
  readonly #children: ChildProcess[] = []

  /** Starts both and waits until every block answers. */
  async start(coredns: string, blocks: readonly Block[], access: Access): Promise<void> {
    const start = (name: 'ours' | 'theirs', binary: string): Promise<void> => {
      const file = join(this.folder, `${name}.Corefile`)
      const texts = blocks.map(block => blockText(block.configuration, block.cached, block[name], access))
      writeFileSync(file, texts.join('\n'))
      return this.#start(
        binary,
        file,
        blocks.map(block => block[name]),
      )
    }
    await Promise.all([start('ours', OURS), start('theirs', coredns)])
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #start(binary: string, file: string, ports: readonly number[]): Promise<void> {
    const child = spawn(binary, ['-conf', file], { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#children.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', data => (output = `${output}${data}`.slice(-4000)))
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject)
      child.once('exit', code => reject(new Error(`${binary} ended with code ${code}\n${output}`)))
    })
    ended.catch(() => {})
    await Promise.race([ended, awaitPorts(binary, ports)])
  }
}

/** All ports answer: both servers do so only when they know the cluster. */
async function awaitPorts(binary: string, ports: readonly number[]): Promise<void> {
  const deadline = performance.now() + READY_MS
  const probe = encodeQuery(labelsOf('dns-version.cluster.local'), TYPE.TXT, { rd: true })
  for (const port of ports) {
    for (;;) {
      const reply = await Promise.race([askUdp(port, [probe]).then(([first]) => first), pause(200)])
      if (reply) break
      if (performance.now() > deadline) throw new Error(`${binary} did not answer on port ${port} in ${READY_MS} ms`)
    }
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise(done => setTimeout(() => done(undefined), ms))
}

function accessLines({ access }: Configuration, { endpoint, tlsEndpoint, kubeconfig, tls }: Access): string[] {
  if (access === 'kubeconfig') return [`kubeconfig ${kubeconfig}`]
  return access === 'tls' ? [`endpoint ${tlsEndpoint}`, `tls ${tls}`] : [`endpoint ${endpoint}`]
}

function blockText(configuration: Configuration, cached: boolean, port: number, access: Access): string {
  const { zones, body = [], keys = ['.'], forward = true, wildcard = false, besides = false } = configuration
  const own = zones.length > 0 ? zones : keys
  const uncached = own.find(zone => !zone.toLowerCase().endsWith('arpa') && !zone.includes('/'))
  const bind = wildcard ? [] : ['bind 127.0.0.1']
  const forwarding = `forward . ${access.upstream}`
  const lines = [
    ...bind,
    ...(cached ? ['cache 30 {', ...['success', 'denial'].map(kind => `    disable ${kind} ${uncached}`), '}'] : []),
    `kubernetes ${zones.join(' ')} {`,
    ...[...accessLines(configuration, access), ...body, 'startup_timeout 60s'].map(line => `    ${line}`),
    '}',
    ...(forward ? [forwarding] : []),
  ]
  const block = (names: readonly string[], inside: readonly string[]): string =>
    `${names.map(key => `${key}:${port}`).join(' ')} {\n${inside.map(line => `    ${line}\n`).join('')}}\n`
  return block(keys, lines) + (besides ? block(['.'], [...bind, forwarding]) : '')
}
