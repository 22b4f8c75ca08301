/** What values come to: each row is a values file, and parts of the objects that it has to give. */
import { deepEqual, equal, ok, partialDeepStrictEqual } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { render } from '../chart.ts'

interface Row {
  name: string
  values: string
  /** Parts of objects, by `Kind/name`. */
  want?: Record<string, object>
  /** Objects that must not be there. */
  without?: readonly string[]
}

const METRICS = { name: 'metrics', port: 9153, targetPort: 9153, protocol: 'TCP' }
const pod = (spec: object) => ({ 'Deployment/dns-sextant': { spec: { template: { spec } } } })
const container = (fields: object) => pod({ containers: [fields] })
const kind = (...keys: string[]) => Object.fromEntries(keys.map(key => [key, {}]))

const ROWS: readonly Row[] = [
  {
    name: 'none',
    values: '',
    want: {
      'Deployment/dns-sextant': {
        metadata: { namespace: 'kube-system', labels: { 'k8s-app': 'sextant', 'helm.sh/chart': 'sextant-0.1.0' } },
        spec: {
          replicas: 2,
          selector: {
            matchLabels: {
              'app.kubernetes.io/instance': 'dns',
              'app.kubernetes.io/name': 'sextant',
              'k8s-app': 'sextant',
            },
          },
          template: {
            spec: {
              dnsPolicy: 'Default',
              serviceAccountName: 'dns-sextant',
              containers: [
                {
                  name: 'coredns',
                  image: 'sextant:0.1.0',
                  securityContext: { runAsNonRoot: true, readOnlyRootFilesystem: true },
                },
              ],
            },
          },
        },
      },
      'Service/dns-sextant': {
        spec: {
          type: 'ClusterIP',
          ports: [
            { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
            { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' },
          ],
        },
      },
      ...kind('ServiceAccount/dns-sextant', 'ClusterRole/dns-sextant', 'ClusterRoleBinding/dns-sextant'),
    },
    without: ['PodDisruptionBudget/dns-sextant', 'Service/dns-sextant-metrics', 'ServiceMonitor/dns-sextant'],
  },
  {
    name: 'a name server that is no cluster service',
    values: 'isClusterService: false\nserviceType: NodePort\nnameOverride: names',
    want: {
      'Service/dns-names': {
        spec: {
          type: 'NodePort',
          selector: { 'app.kubernetes.io/instance': 'dns', 'app.kubernetes.io/name': 'names' },
        },
      },
    },
  },
  {
    name: 'image, environment, resources',
    values: `
image: {repository: registry.example/dns, tag: v1.14.2, pullPolicy: Always, pullSecrets: [{name: key}]}
env: [{name: SEXTANT_UDP, value: dgram}]
resources: {limits: {memory: 340Mi}}`,
    want: {
      ...container({
        image: 'registry.example/dns:v1.14.2',
        imagePullPolicy: 'Always',
        env: [{ name: 'SEXTANT_UDP', value: 'dgram' }],
        resources: { limits: { memory: '340Mi' } },
      }),
      'ServiceAccount/dns-sextant': { imagePullSecrets: [{ name: 'key' }] },
    },
  },
  {
    name: 'the Service',
    values: `
service:
  name: kube-dns
  clusterIPs: [10.96.0.10, 'fd00:10:96::a']
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: RequireDualStack
  trafficDistribution: PreferClose
  internalTrafficPolicy: Cluster
  metrics: true
  annotations: {who: me}
  selector: {k8s-app: kube-dns}`,
    want: {
      'Service/kube-dns': {
        metadata: { annotations: { who: 'me' } },
        spec: {
          clusterIPs: ['10.96.0.10', 'fd00:10:96::a'],
          ipFamilies: ['IPv4', 'IPv6'],
          ipFamilyPolicy: 'RequireDualStack',
          trafficDistribution: 'PreferClose',
          internalTrafficPolicy: 'Cluster',
          selector: { 'k8s-app': 'kube-dns' },
          ports: [{ name: 'dns' }, { name: 'dns-tcp' }, METRICS],
        },
      },
    },
  },
  {
    name: 'a Service outside of the cluster',
    values: `
serviceType: LoadBalancer
service: {loadBalancerClass: example.org/lb, externalTrafficPolicy: Local, externalIPs: [192.0.2.1]}`,
    want: {
      'Service/dns-sextant': {
        spec: {
          loadBalancerClass: 'example.org/lb',
          externalTrafficPolicy: 'Local',
          externalIPs: ['192.0.2.1'],
          type: 'LoadBalancer',
        },
      },
    },
  },
  {
    name: 'ports of several servers, each once',
    values: `
serviceType: NodePort
servers:
  - {port: 5300, servicePort: 53, nodePort: 30053, zones: [{zone: a.example, use_tcp: false}], plugins: [{name: whoami}]}
  - {port: 5300, zones: [{zone: b.example, use_tcp: false}], plugins: [{name: whoami}]}
  - {port: 5301, hostPort: 5399, zones: [{zone: c.example}], plugins: [{name: health, parameters: ':9080'}, {name: ready, parameters: '0.0.0.0:9181'}, {name: prometheus, parameters: ':9999'}]}`,
    want: {
      'Service/dns-sextant': {
        spec: {
          ports: [
            { name: 'udp-5300', port: 53, targetPort: 5300, protocol: 'UDP', nodePort: 30053 },
            { name: 'udp-5301', port: 5301, targetPort: 5301, protocol: 'UDP' },
            { name: 'tcp-5301', port: 5301, targetPort: 5301, protocol: 'TCP' },
          ],
        },
      },
      ...container({
        ports: [
          { name: 'udp-5300', containerPort: 5300, protocol: 'UDP' },
          { name: 'udp-5301', containerPort: 5301, protocol: 'UDP', hostPort: 5399 },
          { name: 'tcp-5301', containerPort: 5301, protocol: 'TCP', hostPort: 5399 },
          { name: 'metrics', containerPort: 9999, protocol: 'TCP' },
          { name: 'liveness-probe', containerPort: 9080, protocol: 'TCP' },
          { name: 'readiness-probe', containerPort: 9181, protocol: 'TCP' },
        ],
      }),
    },
  },
  {
    name: 'where pods go',
    values: `
priorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: CriticalAddonsOnly, operator: Exists}]
affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/instance: '{{ .Release.Name }}'}}}]}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {app.kubernetes.io/name: '{{ include "sextant.name" . }}'}}`,
    want: pod({
      priorityClassName: 'system-cluster-critical',
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            {
              topologyKey: 'kubernetes.io/hostname',
              labelSelector: { matchLabels: { 'app.kubernetes.io/instance': 'dns' } },
            },
          ],
        },
      },
      topologySpreadConstraints: [
        { maxSkew: 1, labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'sextant' } } },
      ],
    }),
  },
  {
    name: 'volumes, secrets, further containers and files',
    values: `
extraVolumes: [{name: state, emptyDir: {}}]
extraVolumeMounts: [{name: state, mountPath: /var/lib/sextant}]
extraSecrets: [{name: key, mountPath: /etc/key}]
extraContainers: [{name: beside, image: beside}]
initContainers: [{name: before, image: before}]
zoneFiles: [{filename: names.hosts, contents: "192.0.2.1 a.example\\n"}]`,
    want: {
      ...pod({
        initContainers: [{ name: 'before' }],
        containers: [
          {
            volumeMounts: [
              { name: 'config-volume', mountPath: '/etc/coredns', readOnly: true },
              { name: 'key', mountPath: '/etc/key', readOnly: true },
              { name: 'state', mountPath: '/var/lib/sextant' },
            ],
          },
          { name: 'beside' },
        ],
        volumes: [
          {
            name: 'config-volume',
            configMap: {
              name: 'dns-sextant',
              items: [
                { key: 'Corefile', path: 'Corefile' },
                { key: 'names.hosts', path: 'names.hosts' },
              ],
            },
          },
          { name: 'key', secret: { secretName: 'key', defaultMode: 0o400 } },
          { name: 'state', emptyDir: {} },
        ],
      }),
      'ConfigMap/dns-sextant': { data: { 'names.hosts': '192.0.2.1 a.example\n' } },
    },
  },
  {
    name: 'a budget, with the selector of the Deployment',
    values: 'podDisruptionBudget: {maxUnavailable: 1}\ndeployment: {selector: {matchLabels: {k8s-app: sextant}}}',
    want: {
      'PodDisruptionBudget/dns-sextant': {
        spec: { maxUnavailable: 1, selector: { matchLabels: { 'k8s-app': 'sextant' } } },
      },
      'Service/dns-sextant': { spec: { selector: { 'k8s-app': 'sextant' } } },
    },
  },
  {
    name: 'the Prometheus operator',
    values: `
prometheus:
  service: {enabled: true}
  monitor: {enabled: true, namespace: monitoring, interval: 15s, additionalLabels: {release: prometheus}}
  rules: {enabled: true}
dashboards: {enabled: true, namespace: monitoring}`,
    want: {
      'Service/dns-sextant-metrics': {
        metadata: { labels: { 'app.kubernetes.io/component': 'metrics' } },
        spec: { ports: [METRICS] },
      },
      'ServiceMonitor/dns-sextant': {
        metadata: { namespace: 'monitoring', labels: { release: 'prometheus' } },
        spec: {
          namespaceSelector: { matchNames: ['kube-system'] },
          selector: { matchLabels: { 'app.kubernetes.io/component': 'metrics', 'app.kubernetes.io/instance': 'dns' } },
          endpoints: [{ port: 'metrics', interval: '15s' }],
        },
      },
      ...kind('PrometheusRule/dns-sextant'),
      'ConfigMap/dns-sextant-dashboard': {
        metadata: { namespace: 'monitoring', labels: { grafana_dashboard: '1' } },
      },
    },
  },
  {
    name: 'replicas by load',
    values: `
hpa:
  enabled: true
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]`,
    want: {
      'HorizontalPodAutoscaler/dns-sextant': {
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'dns-sextant' },
          minReplicas: 1,
          maxReplicas: 5,
        },
      },
    },
  },
  {
    name: 'replicas by the size of the cluster',
    values: 'autoscaler: {enabled: true, nodesPerReplica: 8, min: 2}\npriorityClassName: system-cluster-critical',
    want: {
      'Deployment/dns-sextant-autoscaler': {
        spec: {
          selector: { matchLabels: { 'app.kubernetes.io/name': 'sextant-autoscaler' } },
          template: {
            spec: { priorityClassName: 'system-cluster-critical', serviceAccountName: 'dns-sextant-autoscaler' },
          },
        },
      },
      ...kind(
        'ServiceAccount/dns-sextant-autoscaler',
        'ClusterRole/dns-sextant-autoscaler',
        'ClusterRoleBinding/dns-sextant-autoscaler',
        'RoleBinding/dns-sextant-autoscaler',
      ),
      'Role/dns-sextant-autoscaler': {
        rules: [{ resources: ['deployments/scale'], resourceNames: ['dns-sextant'], verbs: ['get', 'update'] }],
      },
    },
  },
  {
    name: 'labels and annotations of all objects',
    values: `
customLabels: {team: dns, k8s-app: mine}
customAnnotations: {who: me}
podLabels: {tier: first}
podAnnotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: 'false'}`,
    want: {
      'Deployment/dns-sextant': {
        metadata: { labels: { team: 'dns', 'k8s-app': 'mine' }, annotations: { who: 'me' } },
        spec: {
          template: {
            metadata: {
              labels: { team: 'dns', tier: 'first' },
              annotations: { who: 'me', 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
            },
          },
        },
      },
      'ClusterRole/dns-sextant': { metadata: { labels: { team: 'dns' }, annotations: { who: 'me' } } },
    },
  },
  {
    name: "somebody else's Service",
    values: 'service: {enabled: false}\nk8sAppLabelOverride: kube-dns',
    want: {
      'Deployment/dns-sextant': { spec: { template: { metadata: { labels: { 'k8s-app': 'kube-dns' } } } } },
    },
    without: ['Service/dns-sextant'],
  },
  {
    name: "somebody else's ConfigMap, rights and account",
    values: `
deployment: {skipConfig: true, name: other}
rbac: {create: false}
serviceAccount: {create: false, name: theirs}
automountServiceAccountToken: false`,
    want: {
      'Deployment/other': {
        spec: { template: { spec: { serviceAccountName: 'theirs', automountServiceAccountToken: false } } },
      },
    },
    without: ['ConfigMap/dns-sextant', 'ClusterRole/dns-sextant', 'ServiceAccount/dns-sextant'],
  },
  {
    name: 'multicluster',
    values: 'rbac: {multiclusterEnable: true}',
    want: { 'ClusterRole/dns-sextant': { rules: [{}, {}, { apiGroups: ['multicluster.x-k8s.io'] }] } },
  },
]

for (const { name, values, want = {}, without = [] } of ROWS) {
  test(`values: ${name}`, async () => {
    const objects = await render(values)
    for (const [key, part] of Object.entries(want)) {
      ok(objects.has(key), `${key} is not among ${[...objects.keys()].join(', ')}`)
      partialDeepStrictEqual(objects.get(key), part)
    }
    deepEqual(
      without.filter(key => objects.has(key)),
      [],
    )
  })
}

test('values: what is scaled by others has no number of replicas', async () => {
  for (const scaler of ['hpa', 'autoscaler']) {
    const objects = await render(`${scaler}: {enabled: true}`)
    equal('replicas' in (objects.get('Deployment/dns-sextant') as unknown as { spec: object }).spec, false)
  }
})

test('values: a Corefile that is not watched replaces the pods that read it', async () => {
  const hash = async (plugins: string) => {
    const objects = await render(`servers: [{plugins: [{name: whoami}${plugins}]}]`)
    const { spec } = objects.get('Deployment/dns-sextant') as never as {
      spec: { template: { metadata: { annotations?: Record<string, string> } } }
    }
    return spec.template.metadata.annotations?.['checksum/config']
  }
  equal(await hash(', {name: reload}'), undefined)
  ok((await hash('')) !== (await hash(', {name: errors}')))
})

test('values: nothing at all where the deployment is off', async () => {
  equal((await render('deployment: {enabled: false}\npodDisruptionBudget: {maxUnavailable: 1}')).size, 0)
})
