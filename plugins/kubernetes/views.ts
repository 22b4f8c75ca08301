/**
 * How old the view of each resource is, for operators: as a metric over all sources that run, and as text. What makes a
 * view current is the source's to say.
 */
import { gauge } from '../../server/metrics.ts'
import type { Source, View } from './source/source.ts'

const ages = gauge(
  'sextant_kubernetes_view_age_seconds',
  'Time since what is known of a resource was last known to be current; +Inf if it never was. Of several clusters the oldest.',
  'resource',
)
const running = new Set<Source>()
const shown = new Set<string>()

ages.onScrape(() => {
  const oldest = new Map<string, number>()
  for (const source of running) {
    for (const { resource, ageMs } of viewsOf(source)) {
      oldest.set(resource, Math.max(ageMs, oldest.get(resource) ?? 0))
    }
  }
  for (const resource of shown) if (!oldest.has(resource)) ages.remove(resource)
  shown.clear()
  for (const [resource, ageMs] of oldest) {
    ages.set(ageMs / 1000, resource)
    shown.add(resource)
  }
})

/** The source's views are shown from now on. */
export function show(source: Source): void {
  running.add(source)
}

/** The source has ended, and its views with it. */
export function hide(source: Source): void {
  running.delete(source)
}

/** As `services 0.4 s, endpointslices 12 s, namespaces never synced`; empty where there is nothing to tell. */
export function textOfViews(source: Source): string {
  return viewsOf(source)
    .map(({ resource, ageMs }) => `${resource} ${ageText(ageMs)}`)
    .join(', ')
}

function viewsOf(source: Source): readonly View[] {
  return source.views?.() ?? []
}

function ageText(ageMs: number): string {
  if (ageMs === Number.POSITIVE_INFINITY) return 'never synced'
  return `${(ageMs / 1000).toFixed(ageMs < 9_950 ? 1 : 0)} s`
}
