/** The trim function of each kind. */
import { trimEndpointSlice } from './endpointslice.ts'
import { trimNamespace } from './namespace.ts'
import type { Kind, SlimObject, Trimmed } from './object.ts'
import { trimPod } from './pod.ts'
import { trimService } from './service.ts'

/** Cuts an API object (JSON of a LIST, a WATCH event or a manifest) down to what is served, or says why it cannot be. */
export function trim(kind: Kind, json: unknown): Trimmed<SlimObject> {
  switch (kind) {
    case 'service':
      return trimService(json)
    case 'endpointslice':
      return trimEndpointSlice(json)
    case 'pod':
      return trimPod(json)
    case 'namespace':
      return trimNamespace(json)
  }
}
