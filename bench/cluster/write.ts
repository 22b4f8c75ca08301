/** Objects of a bench cluster in both forms that an API server offers: JSON and Protocol Buffers. */
import { FILLER, type Item, PORT_NAME, type Resource, uid } from './objects.ts'
import { type Message, map, message, watchEvent, wrapped } from './protobuf.ts'

export const KINDS = {
  namespaces: { apiVersion: 'v1', kind: 'Namespace' },
  services: { apiVersion: 'v1', kind: 'Service' },
  endpointslices: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  pods: { apiVersion: 'v1', kind: 'Pod' },
} as const

export interface Form {
  readonly contentType: string
  object(resource: Resource, item: Item, version: number): Buffer
  list(resource: Resource, items: readonly Buffer[], version: number, token: string): Buffer
  event(type: string, resource: Resource, object: Buffer): Buffer
  bookmark(resource: Resource, version: number, isListEnd: boolean): Buffer
  /** 410, as an event. */
  gone(): Buffer
}

const LIST_END = { 'k8s.io/initial-events-end': 'true' }
const CREATED_S = 1_790_000_000
const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time'

/** As slices have it from the controller; other objects have something of the same length. */
function annotationsOf(resource: Resource): Record<string, string> {
  return resource === 'endpointslices' ? { [TRIGGER]: new Date().toISOString() } : {}
}

export const json: Form = {
  contentType: 'application/json',
  object(resource, item, version) {
    const { namespace, name, i, labels } = item.metadata
    const metadata = {
      name,
      ...(namespace && { namespace }),
      uid: uid(i),
      resourceVersion: String(version),
      creationTimestamp: '2026-11-01T00:00:00Z',
      labels,
      annotations: annotationsOf(resource),
    }
    return Buffer.from(JSON.stringify({ ...KINDS[resource], metadata, ...jsonBody(resource, item) }))
  },
  list(resource, items, version, token) {
    const { apiVersion, kind } = KINDS[resource]
    const metadata = JSON.stringify({ resourceVersion: String(version), ...(token && { continue: token }) })
    const head = `{"kind":"${kind}List","apiVersion":"${apiVersion}","metadata":${metadata},"items":[`
    const body = items.flatMap((item, i) => (i === 0 ? [item] : [Buffer.from(','), item]))
    return Buffer.concat([Buffer.from(head), ...body, Buffer.from(']}')])
  },
  event: (type, _, object) => Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, Buffer.from('}\n')]),
  bookmark(resource, version, isListEnd) {
    const annotations = isListEnd ? { annotations: LIST_END } : {}
    const object = { ...KINDS[resource], metadata: { resourceVersion: String(version), ...annotations } }
    return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
  },
  gone() {
    const object = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410 }
    return Buffer.from(`${JSON.stringify({ type: 'ERROR', object })}\n`)
  },
}

function jsonBody(resource: Resource, { clusterIP, port, endpoints, podIP, metadata }: Item): object {
  switch (resource) {
    case 'namespaces':
      return { status: { phase: 'Active' } }
    case 'services':
      return {
        spec: {
          type: 'ClusterIP',
          clusterIP,
          clusterIPs: [clusterIP],
          ipFamilies: ['IPv4'],
          ports: [{ name: PORT_NAME, port, protocol: 'TCP', targetPort: 8080 }],
          selector: metadata.labels,
        },
      }
    case 'endpointslices':
      return {
        addressType: 'IPv4',
        ports: [{ name: PORT_NAME, port, protocol: 'TCP' }],
        endpoints: endpoints!.map((endpoint, e) => ({
          addresses: [endpoint.address],
          conditions: { ready: true, serving: true, terminating: false },
          ...(endpoint.hostname && { hostname: endpoint.hostname }),
          nodeName: `node-${e}`,
          targetRef: { kind: 'Pod', namespace: metadata.namespace, name: endpoint.pod, uid: uid(e) },
        })),
      }
    case 'pods':
      return {
        spec: { nodeName: 'node-1', containers: Array.from({ length: 6 }, () => ({ name: 'app', image: FILLER })) },
        status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], hostIP: '192.168.1.1' },
      }
  }
}

export const protobuf: Form = {
  contentType: 'application/vnd.kubernetes.protobuf',
  object(resource, item, version) {
    const { namespace, name, i, labels } = item.metadata
    const metadata: Message = [
      [1, name],
      [2, ''],
      [3, namespace],
      [4, ''],
      [5, uid(i)],
      [6, String(version)],
      [7, 0],
      [8, { message: [[1, CREATED_S]] }],
      [11, map(labels)],
      [12, map(annotationsOf(resource))],
    ]
    return message([[1, { message: metadata }], ...protobufBody(resource, item)])
  },
  list(resource, items, version, token) {
    const { apiVersion, kind } = KINDS[resource]
    const metadata: Message = [
      [1, ''],
      [2, String(version)],
      [3, token],
    ]
    const raw = message([
      [1, { message: metadata }],
      [2, items],
    ])
    return wrapped(apiVersion, `${kind}List`, raw)
  },
  event: (type, resource, object) =>
    watchEvent(type, wrapped(KINDS[resource].apiVersion, KINDS[resource].kind, object)),
  bookmark(resource, version, isListEnd) {
    const metadata: Message = [
      [6, String(version)],
      [12, map(isListEnd ? LIST_END : {})],
    ]
    return protobuf.event('BOOKMARK', resource, message([[1, { message: metadata }]]))
  },
  gone() {
    const status = message([
      [2, 'Failure'],
      [4, 'Expired'],
      [6, 410],
    ])
    return watchEvent('ERROR', wrapped('v1', 'Status', status))
  },
}

/** The same in all pods: what is skipped costs the reader the same, whatever it says. */
const POD_SPEC = message([
  [
    2,
    Array.from({ length: 6 }, () => ({
      message: [
        [1, 'app'],
        [2, FILLER],
      ] as Message,
    })),
  ],
])

function protobufBody(resource: Resource, { clusterIP, port, endpoints, podIP, metadata }: Item): Message {
  const ports: Message = [
    [1, PORT_NAME],
    [2, 'TCP'],
    [3, port ?? 0],
  ]
  switch (resource) {
    case 'namespaces':
      return [[3, { message: [[1, 'Active']] }]]
    case 'services': {
      const spec: Message = [
        [1, { message: ports }],
        [2, map(metadata.labels)],
        [3, clusterIP!],
        [4, 'ClusterIP'],
        [18, [clusterIP!]],
        [19, ['IPv4']],
      ]
      return [[2, { message: spec }]]
    }
    case 'endpointslices':
      return [
        [2, endpoints!.map((endpoint, e) => ({ message: protobufEndpoint(endpoint, metadata.namespace, e) }))],
        [3, { message: ports }],
        [4, 'IPv4'],
      ]
    case 'pods':
      return [
        [2, POD_SPEC],
        [
          3,
          {
            message: [
              [1, 'Running'],
              [5, '192.168.1.1'],
              [6, podIP!],
              [12, { message: [[1, podIP!]] }],
            ],
          },
        ],
      ]
  }
}

function protobufEndpoint(endpoint: NonNullable<Item['endpoints']>[number], namespace: string, e: number): Message {
  return [
    [1, [endpoint.address]],
    [
      2,
      {
        message: [
          [1, true],
          [2, true],
          [3, false],
        ],
      },
    ],
    ...(endpoint.hostname ? ([[3, endpoint.hostname]] as const) : []),
    [
      4,
      {
        message: [
          [1, 'Pod'],
          [2, namespace],
          [3, endpoint.pod],
          [4, uid(e)],
        ],
      },
    ],
    [6, `node-${e}`],
  ]
}
