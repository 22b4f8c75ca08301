/** What values come to: pods, and where they go. */
import { container, pod, testRows } from '../rows.ts'

testRows('pods', [
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
])
