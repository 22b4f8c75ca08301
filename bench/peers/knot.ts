/** A Knot DNS as the upstream of a comparison: authoritative for the zones it is given, one UDP worker, with counters. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../dnsperf.ts'
import { freePorts } from '../ports.ts'
import { isOnPath, type Sides, until } from '../sides.ts'

/** Zone files' text by zone. */
export type Zones = Readonly<Record<string, string>>

export interface Knot extends Target {
  /** Queries that it was asked for names of the zone; with `mod-stats` only. */
  queries(zone: string): number
}

/** @throws Error where there is no Knot: what is measured through it has no other upstream */
export async function startKnot(sides: Sides, zones: Zones, module = 'mod-stats'): Promise<Knot> {
  if (!isOnPath('knotd')) throw new Error('knotd is not on PATH: install knot (Debian)')
  const [port] = (await freePorts(1)) as [number]
  const folder = join(sides.folder, `knot-${port}`)
  mkdirSync(folder)
  for (const [zone, text] of Object.entries(zones)) writeFileSync(join(folder, `${zone}.zone`), text)
  const file = join(folder, 'knot.conf')
  writeFileSync(file, configuration(folder, port, Object.keys(zones), module))
  const child = sides.spawn('knotd', ['-c', file])
  child.stdout!.resume()
  const control = (...args: string[]) =>
    execFileSync('knotc', ['-c', file, ...args], { encoding: 'utf8', timeout: 10_000, stdio: 'pipe' })
  await until(child, 'knotd', async () => {
    try {
      return control('status').includes('Running')
    } catch {
      return false // its control socket is not there yet
    }
  })
  const queries = (zone: string) =>
    [...control('zone-stats', zone, 'mod-stats.request-protocol').matchAll(/= (\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    )
  return { name: 'knot', address: '127.0.0.1', port, pid: child.pid!, queries }
}

function configuration(folder: string, port: number, zones: readonly string[], module: string): string {
  return `server:
  listen: 127.0.0.1@${port}
  rundir: ${folder}
  udp-workers: 1
  tcp-workers: 1
  tcp-max-clients: 4096
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: ${folder}
template:
  - id: default
    storage: ${folder}
    file: %s.zone
    ${module && `module: ${module}`}
    zonefile-sync: -1
    journal-content: none
zone:
${zones.map(zone => `  - domain: ${zone}`).join('\n')}
`
}
