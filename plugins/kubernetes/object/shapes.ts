/**
 * What is read of each kind where the API server sends Protocol Buffers: the fields that trimming looks at, and no others.
 * Numbers are those of generated.proto in k8s.io/api and k8s.io/apimachinery, which never change.
 */
import type { Field, Shape } from '../informer/protobuf.ts'
import { INITIAL_EVENTS_END } from '../informer/watch.ts'
import { TRIGGER_ANNOTATION } from './endpointslice.ts'
import type { AnyKind } from './object.ts'

const text = (name: string): Field => ({ name, holds: 'text' })
const number = (name: string): Field => ({ name, holds: 'number' })
const texts = (name: string): Field => ({ name, holds: 'text', repeated: true })
const map = (name: string, keys?: readonly string[]): Field => ({
  name,
  holds: 'texts',
  ...(keys && { keys: keys.map(key => Buffer.from(key)) }),
})
const message = (name: string, holds: Shape): Field => ({ name, holds })
const messages = (name: string, holds: Shape): Field => ({ name, holds, repeated: true })

/** meta/v1 ObjectMeta. Annotations may be of any size, and few are looked at; bookmarks have some, whatever their kind. */
const METADATA: Shape = new Map([
  [1, text('name')],
  [3, text('namespace')],
  [6, text('resourceVersion')],
  [11, map('labels')],
  [12, map('annotations', [INITIAL_EVENTS_END, TRIGGER_ANNOTATION])],
])

const SERVICE_PORT: Shape = new Map([
  [1, text('name')],
  [2, text('protocol')],
  [3, number('port')],
])
const SERVICE_SPEC: Shape = new Map([
  [1, messages('ports', SERVICE_PORT)],
  [3, text('clusterIP')],
  [4, text('type')],
  [10, text('externalName')],
  [18, texts('clusterIPs')],
])

const CONDITIONS: Shape = new Map([[1, { name: 'ready', holds: 'boolean' }]])
const REFERENCE: Shape = new Map([
  [1, text('kind')],
  [3, text('name')],
])
const ENDPOINT: Shape = new Map([
  [1, texts('addresses')],
  [2, message('conditions', CONDITIONS)],
  [3, text('hostname')],
  [4, message('targetRef', REFERENCE)],
  [7, text('zone')],
])

const POD_IP: Shape = new Map([[1, text('ip')]])
const POD_STATUS: Shape = new Map([
  [1, text('phase')],
  [5, text('hostIP')],
  [6, text('podIP')],
  [12, messages('podIPs', POD_IP)],
])

const ENDPOINT_SLICE: Shape = new Map([
  [1, message('metadata', METADATA)],
  [2, messages('endpoints', ENDPOINT)],
  [3, messages('ports', SERVICE_PORT)],
])

/** The shape of a kind; undefined for one that is a custom resource, which API servers send as JSON alone. */
export const SHAPES: Readonly<Partial<Record<AnyKind, Shape>>> = {
  namespace: new Map([[1, message('metadata', METADATA)]]),
  service: new Map([
    [1, message('metadata', METADATA)],
    [2, message('spec', SERVICE_SPEC)],
  ]),
  endpointslice: ENDPOINT_SLICE,
  importedslice: ENDPOINT_SLICE,
  pod: new Map([
    [1, message('metadata', METADATA)],
    [3, message('status', POD_STATUS)],
  ]),
}
