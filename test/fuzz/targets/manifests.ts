/** Manifests, YAML and JSON, up to what the index is given of them. Whatever is thrown has its place in the file. */
import { type AnyKind, KINDS } from '../../../plugins/kubernetes/object/object.ts'
import { manifestObject } from '../../../plugins/kubernetes/source/manifest-object.ts'
import { ManifestMerger } from '../../../plugins/kubernetes/source/manifest-set.ts'
import { ManifestError, objectsIn } from '../../../plugins/kubernetes/source/manifest-text.ts'
import { hold, type Outcome, type Target, textSeed, textWords } from '../target.ts'

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7, "fd00::7"], selector: { app: web }, ports: [{ name: http, port: 80, targetPort: web }] }
`
const POD = `apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: shop
  labels:
    app: web
spec:
  hostname: web-1
  containers:
    - name: web
      ports: [{ name: web, containerPort: 8080, protocol: TCP }]
status:
  phase: Running
  podIPs:
    - ip: 10.244.0.7
  conditions: [{ type: Ready, status: "True" }]
`
const SLICE = `kind: EndpointSlice
apiVersion: discovery.k8s.io/v1
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.0.0.1], hostname: a, conditions: { ready: true }, zone: z }]
`

export const target: Target = {
  name: 'manifests',
  isText: true,
  bound: { base: 8000, perOctet: 40 },
  maxBytes: 4000,
  words: textWords(
    ...[
      '---\n',
      '...\n',
      '\n',
      '  ',
      '- ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '<<: *a',
      '!!',
      '|\n',
      '>\n',
      '"',
      "'",
      '#',
      '%YAML 1.2\n',
    ],
    ...[
      'kind: List\n',
      'items:\n',
      'kind: Service\n',
      '__proto__: ',
      'null',
      '~',
      '1e999',
      '0x7f',
      '.inf',
      '2026-11-27',
      '? ',
      '\t',
      '\0',
    ],
  ),
  seeds: [
    textSeed('documents', `${SERVICE}---\n${POD}---\n${SLICE}`),
    textSeed('list', `apiVersion: v1\nkind: List\nitems:\n- ${SERVICE.trimEnd().replaceAll('\n', '\n  ')}\n`),
    textSeed(
      'typed-list',
      'kind: NamespaceList\napiVersion: v1\nitems: [{ metadata: { name: a } }, { metadata: { name: b } }]\n',
    ),
    textSeed(
      'json',
      JSON.stringify({
        kind: 'List',
        items: [{ kind: 'Service', metadata: { name: 'a' }, spec: { type: 'ExternalName', externalName: 'x.y' } }],
      }),
    ),
    textSeed('anchors', 'a: &a { kind: Service, metadata: { name: a } }\nkind: List\nitems: [*a, *a]\n'),
    textSeed('itself', '&a\nkind: List\nitems: [*a]\n'),
    textSeed(
      'import',
      'kind: ServiceImport\napiVersion: multicluster.x-k8s.io/v1alpha1\nmetadata: { name: i }\nspec: { type: ClusterSetIP, ips: [10.1.2.3], ports: [{ port: 1 }] }\n',
    ),
  ],
  async run(octets): Promise<Outcome> {
    try {
      const objects = (await objectsIn(Buffer.from(octets).toString()))
        .map(manifestObject)
        .filter(one => one !== undefined)
      const merger = new ManifestMerger({
        kinds: [...KINDS] as AnyKind[],
        labels: undefined,
        namespaceLabels: undefined,
      } as never)
      const content = { name: 'a.yaml', objects, namespaces: new Set(objects.map(one => one.namespace)) }
      const set = merger.merge([content])
      return { kind: [...set.objects.values()].map(of => Math.min(2, of.length)).join('') }
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error
      hold(error.line >= 1 && error.column >= 1 && error.message !== '', 'a mistake without a place')
      return { kind: error.message.split(' ', 3).join(' ') }
    }
  },
}
