/**
 * `metadata`: lets plugins of its block show what others know about a query. It is no link of the chain and keeps nothing:
 * who wants a label is given its reader once, when the configuration is built, and reads when there is something to show.
 */
import { zoneList } from '../../server/corefile/directive.ts'
import type { Directive, MetadataReader, Plugin, Site, Stage } from '../../server/plugin.ts'
import { ZoneSet } from '../../server/route.ts'
import { nameFromText } from '../../server/wire/name.ts'

export const plugin: Plugin = { name: 'metadata', setup }

function setup(directive: Directive, site: Site): Stage {
  const occurrence = directive.once()
  occurrence.noBlock()
  return new Metadata(zoneList(occurrence.args, site.zoneTexts), site)
}

class Metadata implements Stage {
  readonly #zones: ZoneSet
  readonly #site: Site

  constructor(zones: readonly string[], site: Site) {
    this.#zones = new ZoneSet(zones.map(nameFromText))
    this.#site = site
  }

  /** How to read a label, of queries for names in the zones alone; undefined if no plugin of the block knows it. */
  metadata(label: string): MetadataReader | undefined {
    for (const stage of this.#site.after(this)) {
      const read = stage.metadata?.(label)
      if (read !== undefined) return (q, a) => (this.#zones.match(q) < 0 ? undefined : read(q, a))
    }
    return undefined
  }
}
