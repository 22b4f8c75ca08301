import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import {
  type AnyKind,
  identityOf,
  KINDS,
  labelsOf,
  SET_KINDS,
  type SetKind,
} from '../../../../plugins/kubernetes/object/object.ts'
import { trim } from '../../../../plugins/kubernetes/object/trim.ts'

const at = { name: 'web', namespace: 'prod' }
const port = { name: 'HTTP', protocol: 'TCP', port: 80, targetPort: 'http' }
const noService = { kind: 'service', ...at, clusterIPs: [], headless: false, externalName: undefined, ports: [] }
const noSlice = { kind: 'endpointslice', ...at, service: 'web', endpoints: [], ports: [], lastChangeTriggerMs: 0 }
const sliceOf = { ...at, labels: { 'kubernetes.io/service-name': 'web' } }
const endpoint = { addresses: ['10.0.0.1'], hostname: '', podName: '' }

const zoned = (zone: unknown) => ({ metadata: sliceOf, endpoints: [{ addresses: ['10.0.0.1'], zone }] })

const rows: { name: string; kind: AnyKind; json: unknown; is: unknown }[] = [
  {
    name: 'a ClusterIP',
    kind: 'service',
    json: { metadata: at, spec: { clusterIP: '10.96.0.1', ports: [port] } },
    is: {
      ...noService,
      clusterIPs: ['10.96.0.1'],
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    },
  },
  {
    name: 'dual stack',
    kind: 'service',
    json: { metadata: at, spec: { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'] } },
    is: {
      ...noService,
      clusterIPs: ['10.96.0.1', 'fd00::1'],
    },
  },
  {
    name: 'headless',
    kind: 'service',
    json: { metadata: at, spec: { clusterIP: 'None', clusterIPs: ['None'] } },
    is: { ...noService, headless: true },
  },
  {
    name: 'headless, as a manifest says it',
    kind: 'service',
    json: { metadata: at, spec: { clusterIP: 'None' } },
    is: { ...noService, headless: true },
  },
  {
    name: 'ExternalName',
    kind: 'service',
    json: { metadata: at, spec: { type: 'ExternalName', externalName: 'a.example', clusterIP: 'None' } },
    is: {
      ...noService,
      externalName: 'a.example',
    },
  },
  {
    name: 'a protocol that is missing is TCP',
    kind: 'service',
    json: { metadata: at, spec: { ports: [{ port: 53 }] } },
    is: {
      ...noService,
      ports: [{ name: '', protocol: 'tcp', port: 53 }],
    },
  },
  {
    name: 'ports that are none',
    kind: 'service',
    json: {
      metadata: at,
      spec: { ports: [1, null, {}, { port: '80' }, { port: -1 }, { port: 65_536 }, { port: 1.5 }] },
    },
    is: noService,
  },
  {
    name: 'a port name that is none',
    kind: 'service',
    json: { metadata: at, spec: { ports: [{ ...port, name: 'a b' }] } },
    is: {
      ...noService,
      ports: [{ name: '', protocol: 'tcp', port: 80 }],
    },
  },
  {
    name: 'fields of wrong types',
    kind: 'service',
    json: { metadata: at, spec: { clusterIP: 7, clusterIPs: [null, 1], type: [], ports: 'x' } },
    is: noService,
  },
  { name: 'no spec', kind: 'service', json: { metadata: at }, is: noService },
  {
    name: 'a name that is none',
    kind: 'service',
    json: { metadata: { ...at, name: 'We.b' } },
    is: 'name "We.b" is no DNS label',
  },
  { name: 'no namespace', kind: 'service', json: { metadata: { name: 'web' } }, is: 'namespace "" is no DNS label' },
  { name: 'a list', kind: 'service', json: [], is: 'is no object' },
  { name: 'null', kind: 'pod', json: null, is: 'is no object' },

  {
    name: 'ready, absent and unready endpoints',
    kind: 'endpointslice',
    json: {
      metadata: sliceOf,
      endpoints: [
        { addresses: ['10.0.0.1'], conditions: { ready: true } },
        { addresses: ['10.0.0.1'] },
        { addresses: ['10.0.0.1'], conditions: { ready: null } },
        { addresses: ['10.0.0.9'], conditions: { ready: false, serving: true } },
        { addresses: ['10.0.0.9'], conditions: { ready: 'yes' } },
      ],
    },
    is: { ...noSlice, endpoints: [endpoint, endpoint, endpoint] },
  },
  {
    name: 'hostname and pod',
    kind: 'endpointslice',
    json: {
      metadata: sliceOf,
      endpoints: [
        { addresses: ['10.0.0.1'], hostname: 'web-0', targetRef: { kind: 'Pod', name: 'web-0' } },
        { addresses: ['10.0.0.1'], hostname: 'Web_0', targetRef: { kind: 'Node', name: 'n1' } },
        { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'x'.repeat(64) } },
        { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'a.b' } },
      ],
    },
    is: { ...noSlice, endpoints: [{ ...endpoint, hostname: 'web-0', podName: 'web-0' }, endpoint, endpoint, endpoint] },
  },
  {
    name: 'no service label',
    kind: 'endpointslice',
    json: { metadata: at, endpoints: [{ addresses: ['10.0.0.1'] }] },
    is: {
      ...noSlice,
      service: '',
      endpoints: [endpoint],
    },
  },
  {
    name: 'when it happened',
    kind: 'endpointslice',
    json: {
      metadata: {
        ...sliceOf,
        annotations: {
          'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-02T03:04:05Z',
        },
      },
    },
    is: { ...noSlice, lastChangeTriggerMs: Date.UTC(2026, 0, 2, 3, 4, 5) },
  },
  {
    name: 'a time that is none',
    kind: 'endpointslice',
    json: {
      metadata: {
        ...sliceOf,
        annotations: {
          'endpoints.kubernetes.io/last-change-trigger-time': 'soon',
        },
      },
    },
    is: noSlice,
  },
  {
    name: 'endpoints of wrong types',
    kind: 'endpointslice',
    json: { metadata: sliceOf, endpoints: [null, 1, 'x', [], { addresses: 'x' }] },
    is: {
      ...noSlice,
      endpoints: [{ ...endpoint, addresses: [] }],
    },
  },
  {
    name: 'a topology zone, in lower case',
    kind: 'endpointslice',
    json: zoned('Corp.Example-1_a'),
    is: { ...noSlice, endpoints: [{ ...endpoint, zone: 'corp.example-1_a' }] },
  },
  ...['', 'a..b', '.a', 'a.', 'a b', '_a', 'x'.repeat(64), 'z\u00fcrich', 7, null].map(zone => ({
    name: `a topology zone that can stand in no name: ${JSON.stringify(zone)}`,
    kind: 'endpointslice' as const,
    json: zoned(zone),
    is: { ...noSlice, endpoints: [endpoint] },
  })),

  {
    name: 'addresses of both families',
    kind: 'pod',
    json: { metadata: at, status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] } },
    is: {
      kind: 'pod',
      ...at,
      ips: ['10.0.0.1', 'fd00::1'],
      hostNetwork: false,
      labels: {},
    },
  },
  {
    name: 'podIP alone',
    kind: 'pod',
    json: { metadata: { ...at, labels: { app: 'web' } }, status: { podIP: '10.0.0.1' } },
    is: { kind: 'pod', ...at, ips: ['10.0.0.1'], hostNetwork: false, labels: { app: 'web' } },
  },
  {
    name: 'on the network of its node',
    kind: 'pod',
    json: { metadata: at, status: { podIP: '10.0.0.1', hostIP: '10.0.0.1' } },
    is: { kind: 'pod', ...at, ips: ['10.0.0.1'], hostNetwork: true, labels: {} },
  },
  {
    name: 'one that has ended',
    kind: 'pod',
    json: { metadata: at, status: { phase: 'Succeeded', podIP: '10.0.0.1' } },
    is: { kind: 'pod', ...at, ips: [], hostNetwork: false, labels: {} },
  },
  {
    name: 'one that is being deleted',
    kind: 'pod',
    json: { metadata: { ...at, deletionTimestamp: 'x' }, status: { phase: 'Running', podIP: '10.0.0.1' } },
    is: {
      kind: 'pod',
      ...at,
      ips: ['10.0.0.1'],
      hostNetwork: false,
      labels: {},
    },
  },
  {
    name: 'a name with dots',
    kind: 'pod',
    json: { metadata: { ...at, name: 'a.b' } },
    is: { kind: 'pod', namespace: 'prod', name: 'a.b', ips: [], hostNetwork: false, labels: {} },
  },

  {
    name: 'a namespace',
    kind: 'namespace',
    json: { metadata: { name: 'prod' } },
    is: { kind: 'namespace', name: 'prod' },
  },
  {
    name: 'a namespace that is none',
    kind: 'namespace',
    json: { metadata: { name: 1 } },
    is: 'name "" is no DNS label',
  },
]

for (const { name, kind, json, is } of rows) {
  test(`${kind}: ${name}`, () => {
    assert.equal(trim(kind, json), is)
  })
}

const ALL_KINDS = [...KINDS, ...(Object.keys(SET_KINDS) as SetKind[])]

/** JSON of which much looks like an API object. */
const field = fc.constantFrom(
  'metadata',
  'name',
  'namespace',
  'labels',
  'spec',
  'status',
  'ports',
  'port',
  'endpoints',
  'addresses',
  'podIPs',
  'ip',
  'clusterIPs',
  'hostname',
  'zone',
  'ips',
)
const value = fc.letrec(tie => ({
  node: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<unknown>(
      'web',
      'prod',
      '10.0.0.1',
      '::',
      'x'.repeat(300),
      '\u{1F600}',
      -1,
      80,
      null,
      true,
      '__proto__',
    ),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(field, tie('node'), { maxKeys: 6 }),
  ),
})).node

test('nothing that comes in throws, further in neither', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ALL_KINDS), value, fc.boolean(), (kind, json, named) => {
      const object = named ? { ...(json as object), metadata: sliceOf } : json
      const slim = trim(kind, object)
      if (typeof slim !== 'string') new Index({ zones: true }).put(slim.kind, slim)
      labelsOf(object)
      identityOf(object)
    }),
    { numRuns: 500 },
  )
})

test('labels and identity', () => {
  assert.equal(
    [...labelsOf({ metadata: { labels: { a: 'b', c: 1, __proto__x: 'y' } } })],
    [
      ['a', 'b'],
      ['__proto__x', 'y'],
    ],
  )
  assert.equal([...labelsOf(7)], [])
  assert.equal(identityOf({ metadata: at }), { namespace: 'prod', name: 'web' })
  assert.equal(identityOf(undefined), { namespace: '', name: '' })
})

test.run()
