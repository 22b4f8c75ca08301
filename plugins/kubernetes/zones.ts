/** The zones of one `kubernetes` directive: cluster zones and reverse zones, matched by comparing numbers. */
import type { Query } from '../../server/plugin.ts'
import { ZoneSet } from '../../server/route.ts'
import { countLabels, equalOctets, hashName, isWithin, type Name, nameFromText } from '../../server/wire/name.ts'
import { GRAMMAR } from './name.ts'
import type { Settings } from './settings.ts'

const REVERSE4 = nameFromText('in-addr.arpa.')
const REVERSE6 = nameFromText('ip6.arpa.')

export interface Zone {
  readonly name: Name
  readonly labels: number
  readonly hash: number
  /** 4 or 6 for a reverse zone, 0 for one of cluster names. */
  readonly reverse: 0 | 4 | 6
  /** The whole of in-addr.arpa or ip6.arpa: most of what is in it is nothing to this cluster. */
  readonly shared: boolean
  /** Its services are those of a cluster set (KEP-1645), not this cluster's. */
  readonly multicluster: boolean
  /** What names it has (GRAMMAR). */
  readonly grammar: number
  /** Which of its names go to the next plugin if they do not exist: all, none, or those in a set of zones. */
  readonly through: boolean | ZoneSet
}

export class Zones {
  /** Longest first. */
  readonly all: readonly Zone[]
  /** The first zone of this cluster's names in the Corefile: where PTR records lead. Only if there is none, a cluster set's. */
  readonly primary: Zone
  /** Labels left of the zone that `match` found. */
  left = 0

  constructor(settings: Settings) {
    const zones = settings.zones.map(name => makeZone(name, settings))
    const forward = zones.filter(zone => zone.reverse === 0)
    this.primary = forward.find(zone => !zone.multicluster) ?? forward[0]!
    this.all = zones.toSorted((a, b) => b.labels - a.labels)
  }

  /** The longest zone that encloses the question's name; sets `left`. */
  match(q: Query): Zone | undefined {
    const { all } = this
    for (let i = 0; i < all.length; i++) {
      const zone = all[i]!
      const left = q.labelCount - zone.labels
      if (left < 0 || q.suffixHash[left] !== zone.hash) continue
      const at = q.labelAt[left]!
      if (q.qnameLength - at !== zone.name.length || !equalOctets(q.qname, at, zone.name, 0, zone.name.length)) continue
      this.left = left
      return zone
    }
    return undefined
  }
}

function makeZone(name: Name, { fallthrough = [], multicluster, zonal }: Settings): Zone {
  const reverse = isWithin(name, REVERSE4) ? 4 : isWithin(name, REVERSE6) ? 6 : 0
  const whole = reverse === 4 ? REVERSE4 : REVERSE6
  const shared = reverse !== 0 && name.length <= whole.length
  const isSame = (other: Name) => other.length === name.length && isWithin(name, other)
  const ofSet = reverse === 0 && multicluster.some(isSame) // reverse zones have no services
  const grammar = ofSet ? GRAMMAR.MULTICLUSTER : zonal ? GRAMMAR.ZONAL : GRAMMAR.PLAIN
  const below = fallthrough.filter(zone => isWithin(zone, name))
  const through = fallthrough.some(zone => isWithin(name, zone)) || (below.length > 0 && new ZoneSet(below))
  const [labels, hash] = [countLabels(name), hashName(name)]
  return { name, labels, hash, reverse, shared, multicluster: ofSet, grammar, through }
}

/** True if the question's name goes to the next plugin if it does not exist. */
export function fallsThrough(q: Query, zone: Zone): boolean {
  const { through } = zone
  return typeof through === 'boolean' ? through : through.match(q) >= 0
}
