/** The trim function of each kind. */
import { trimEndpointSlice, trimImportedSlice } from './endpointslice.ts'
import { trimNamespace } from './namespace.ts'
import type { AnyKind, SlimObject, Trimmed } from './object.ts'
import { trimPod } from './pod.ts'
import { trimService } from './service.ts'
import { trimServiceImport } from './serviceimport.ts'

/** Cuts an API object (JSON of a LIST, a WATCH event or a manifest) down to what is served, or says why it cannot be. */
export function trim(kind: AnyKind, json: unknown): Trimmed<SlimObject> {
  switch (kind) {
    case 'service':
      return trimService(json)
    case 'endpointslice':
      return trimEndpointSlice(json)
    case 'pod':
      return trimPod(json)
    case 'namespace':
      return trimNamespace(json)
    case 'serviceimport':
      return trimServiceImport(json)
    case 'importedslice':
      return trimImportedSlice(json)
  }
}
