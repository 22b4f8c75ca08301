/** A cluster's Services and EndpointSlices as `kubectl get svc,endpointslices -A -o yaml` writes them. */
import { type BenchService, PORT_NAME, services, uid } from './objects.ts'

const CREATED = '2026-11-01T08:15:30Z'

/** As many as there are services, twice: each a document of its own. */
export function manifests(size: { services: number; namespaces: number; endpoints: number }): string[] {
  return services(size).flatMap((of, i) => [service(of, i), slice(of, i)])
}

/** One List of them, items at the margin as kubectl has them. */
export function manifestList(objects: readonly string[]): string {
  const items = objects.map(object => `- ${object.trimEnd().replaceAll('\n', '\n  ')}\n`)
  return `apiVersion: v1\nitems:\n${items.join('')}kind: List\nmetadata:\n  resourceVersion: ""\n`
}

function service({ namespace, name, clusterIP }: BenchService, i: number): string {
  const applied = { apiVersion: 'v1', kind: 'Service', metadata: { annotations: {}, name, namespace } }
  const ip = clusterIP ?? 'None'
  return `apiVersion: v1
kind: Service
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      ${JSON.stringify({ ...applied, spec: { ports: [{ name: PORT_NAME, port: 80, targetPort: PORT_NAME }] } })}
  creationTimestamp: "${CREATED}"
  labels:
    app.kubernetes.io/name: ${name}
  name: ${name}
  namespace: ${namespace}
  resourceVersion: "${10_000 + i}"
  uid: ${uid(i)}
spec:
  clusterIP: ${ip}
  clusterIPs:
  - ${ip}
  internalTrafficPolicy: Cluster
  ipFamilies:
  - IPv4
  ipFamilyPolicy: SingleStack
  ports:
  - name: ${PORT_NAME}
    port: 80
    protocol: TCP
    targetPort: ${PORT_NAME}
  selector:
    app.kubernetes.io/name: ${name}
  sessionAffinity: None
  type: ClusterIP
status:
  loadBalancer: {}
`
}

function slice({ namespace, name, endpoints }: BenchService, i: number): string {
  const entries = endpoints.map(
    (address, e) => `- addresses:
  - ${address}
  conditions:
    ready: true
    serving: true
    terminating: false
  nodeName: node-${(i + e) % 50}
  targetRef:
    kind: Pod
    name: ${name}-5d8f7c9b6d-${(i * 10 + e).toString(36).padStart(5, '0')}
    namespace: ${namespace}
    uid: ${uid(i * 10 + e)}
`,
  )
  return `addressType: IPv4
apiVersion: discovery.k8s.io/v1
endpoints:
${entries.join('')}kind: EndpointSlice
metadata:
  annotations:
    endpoints.kubernetes.io/last-change-trigger-time: "${CREATED}"
  creationTimestamp: "${CREATED}"
  generateName: ${name}-
  generation: 3
  labels:
    app.kubernetes.io/name: ${name}
    endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io
    kubernetes.io/service-name: ${name}
  name: ${name}-a1b2c
  namespace: ${namespace}
  ownerReferences:
  - apiVersion: v1
    blockOwnerDeletion: true
    controller: true
    kind: Service
    name: ${name}
    uid: ${uid(i)}
  resourceVersion: "${20_000 + i}"
  uid: ${uid(100_000 + i)}
ports:
- appProtocol: http
  name: ${PORT_NAME}
  port: 8080
  protocol: TCP
`
}
