/**
 * Memory of the containers that the life of the addon is about, looked at each half second, also of those that come and go: their
 * control groups know the most that each had, and whether the kernel had to do anything about it.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { basename } from 'node:path'
import type { Note } from '../../harness/suite.ts'
import { containers, type Memory, memoryOf, processesOf } from '../cgroups.ts'
import { commandLine, networkOf, pidOf } from '../daemon.ts'
import { NODES } from '../place.ts'
import { SERVERS } from './addon.ts'
import { remark } from './figures.ts'

export const MIB = 2 ** 20
const EVERY_MS = 500

/** Part of a command line of each; a server on the network of its node is the node's. */
const KINDS = { ...SERVERS, glutton: 'glutton', 'node-local watcher': 'node-local.cjs watch' } as const
export type Kind = keyof typeof KINDS | 'node-local server'

interface Watched extends Memory {
  kind: Kind
}

const watched = new Map<string, Watched>()
/** Of other pods: a container is what it is from its first process on, but for the moment before that is executed. */
const others = new Set<string>()

/** As long as the process lives. */
export function watchMemory(): void {
  setInterval(look, EVERY_MS).unref()
}

/**
 * That no container of a kind came to this limit, octets, or was killed for it, at least two being known. A remark below the table.
 * @param most the use that is meant, of the pod or of the container itself
 */
export function staysBelow(kind: Kind, limit: number, most: 'peak' | 'ownPeak', note: Note): void {
  const all = memoryOfAll(kind)
  ok(all.length >= 2, `${all.length} containers of ${kind} were seen`)
  deepEqual([...new Set(all.map(memory => memory.limit))], [limit])
  const peak = Math.max(...all.map(memory => memory[most]))
  const text = `memory of ${kind}: ${(peak / MIB).toFixed(1)} MiB at most, of ${limit / MIB}, in ${all.length} containers`
  note(text)
  remark(text)
  ok(peak > 0 && peak < limit)
  for (const { timesAtLimit, oomKills } of all) equal(timesAtLimit + oomKills, 0)
}

/** What is known of all containers of a kind, those that are gone included. One look more before that. */
export function memoryOfAll(kind: Kind): Memory[] {
  look()
  return [...watched.values()].filter(container => container.kind === kind)
}

function look(): void {
  for (const container of containers()) {
    if (others.has(container)) continue
    try {
      const kind = watched.get(container)?.kind ?? kindOf(container)
      if (kind !== undefined) watched.set(container, { kind, ...memoryOf(container) })
    } catch (error) {
      // It ended between one file and the next.
      if (!['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

function kindOf(container: string): Kind | undefined {
  const pids = processesOf(container)
  const commands = pids.map(pid => commandLine(pid).join(' '))
  const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[]
  const found = kinds.find(kind => commands.some(command => command.includes(KINDS[kind])))
  const isSettled = commands.some(command => command !== '' && !basename(command).startsWith('runc'))
  if (found === undefined && isSettled) others.add(container)
  const networks = NODES.map(({ name }) => networkOf(pidOf(name)))
  return found === 'Sextant' && pids.some(pid => networks.includes(networkOf(pid))) ? 'node-local server' : found
}
