/**
 * `kubernetes`: answers the names of a cluster, and the reverse names of its addresses, from an index kept current by
 * watches (or by a folder of manifests). CoreDNS's plugin of the same name.
 */
import type { Directive, Plugin, Site, Stage } from '../../server/plugin.ts'
import { acquireFeed } from './feed.ts'
import { Kubernetes } from './handler.ts'
import { feedKey, readSettings } from './setup.ts'
import { ApiSource } from './source/api.ts'
import { ManifestsSource } from './source/manifests.ts'

export { Kubernetes } from './handler.ts'

export const plugin: Plugin = { name: 'kubernetes', setup }

function setup(directive: Directive, site: Site): Stage {
  const settings = readSettings(directive.once(), site)
  const { source, endpointPodNames, zonal } = settings
  const selection = 'manifests' in source ? source.manifests : source.api
  const feed = acquireFeed(feedKey(settings), {
    kinds: selection.kinds,
    endpointPodNames,
    zonal,
    labels: selection.labels?.text,
    namespaceLabels: selection.namespaceLabels?.text,
    makeSource: () => ('manifests' in source ? new ManifestsSource(source.manifests) : new ApiSource(source.api)),
    podLabels: settings.podLabels,
  })
  return new Kubernetes(settings, site, feed)
}
