/** Parses `autopath`: for which names, and where search paths come from. */
import path from 'node:path'
import { together, zoneList } from '../../server/corefile/directive.ts'
import type { Argument, Occurrence, Site } from '../../server/plugin.ts'
import { readWhole } from '../../server/read-file.ts'
import { type Name, nameFromText } from '../../server/wire/name.ts'

/** Plugins that know the search paths of their clients. */
const KNOWING = ['@kubernetes'] as const

export interface Options {
  readonly zones: readonly string[]
  /** The plugin that knows the path of each client; undefined: all have `search`. */
  readonly plugin: string | undefined
  /** The path of all clients, or what follows the names that the plugin gives. The root, for the name alone, is not in it. */
  readonly search: readonly Name[]
}

/** @throws CorefileError or CorefileErrors */
export function readOptions(occurrence: Occurrence, site: Site): Options {
  const args = occurrence.arguments(1)
  const last = args.at(-1)!
  let zones: readonly string[] = []
  let from: Pick<Options, 'plugin' | 'search'> = { plugin: undefined, search: [] }
  together(
    () => {
      zones = zoneList(args.slice(0, -1), site.zoneTexts)
    },
    () => {
      from = readSource(last, site)
    },
    () => occurrence.noBlock(),
  )
  return { zones, ...from }
}

function readSource(argument: Argument, site: Site): Pick<Options, 'plugin' | 'search'> {
  if (argument.text.startsWith('@')) {
    // CoreDNS: a name that no plugin has turns it off in silence.
    const plugin = argument.oneOf(KNOWING, 'plugin').slice(1)
    return { plugin, search: systemSearch() }
  }
  const file = path.resolve(site.folder, argument.text)
  try {
    return { plugin: undefined, search: searchIn(readWhole(file).toString()) }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const text = `cannot read "${argument.text}": ${reason}, expected a resolv.conf, or @kubernetes`
    throw argument.error(text, 'COREFILE_UNREADABLE_FILE', cause)
  }
}

/** What this machine appends: pods of the cluster append the same after the names of the cluster. */
function systemSearch(): Name[] {
  try {
    return searchIn(readWhole('/etc/resolv.conf').toString())
  } catch {
    return [] // without the file there is nothing to append
  }
}

/** The last `search` or `domain` line of a resolv.conf (resolv.conf(5)); what is no name in it is left out. */
export function searchIn(text: string): Name[] {
  const lines = text.split('\n').map(line => line.trim().split(/\s+/))
  const [, ...words] = lines.findLast(([word]) => word === 'search' || word === 'domain') ?? []
  return words.map(nameOf).filter(name => name.length > 1)
}

/** The root, which is no element, for a word that is no name: resolvers pass it over too. */
function nameOf(word: string): Name {
  try {
    return nameFromText(word)
  } catch {
    return Uint8Array.of(0)
  }
}
