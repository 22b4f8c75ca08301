/** What values come to: names, rights, and what is left to others. */
import { equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { render } from '../chart.ts'
import { container, kind, testRows } from '../rows.ts'

testRows('values', [
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
                  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
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
            { name: 'udp-53', port: 53, targetPort: 53, protocol: 'UDP' },
            { name: 'tcp-53', port: 53, targetPort: 53, protocol: 'TCP' },
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
  {
    name: "a release of CoreDNS's chart goes on under its names, and with its selector",
    values: 'nameOverride: coredns\nautoscaler: {enabled: true}',
    release: 'coredns',
    want: {
      'Deployment/coredns': {
        spec: {
          selector: {
            matchLabels: {
              'app.kubernetes.io/instance': 'coredns',
              'app.kubernetes.io/name': 'coredns',
              'k8s-app': 'coredns',
            },
          },
        },
      },
      'Deployment/coredns-autoscaler': {
        spec: {
          selector: {
            matchLabels: {
              'app.kubernetes.io/instance': 'coredns',
              'app.kubernetes.io/name': 'coredns-autoscaler',
              'k8s-app': 'coredns-autoscaler',
            },
          },
          template: { metadata: { labels: { 'k8s-app': 'coredns-autoscaler' } } },
        },
      },
      ...kind('ConfigMap/coredns', 'Service/coredns', 'ClusterRole/coredns', 'ClusterRoleBinding/coredns'),
    },
  },
  {
    name: 'the same of one that has a name of its own: there, k8s-app does not follow it',
    values: 'nameOverride: names\nk8sAppLabelOverride: coredns',
    want: {
      'Deployment/dns-names': {
        spec: {
          selector: {
            matchLabels: {
              'app.kubernetes.io/instance': 'dns',
              'app.kubernetes.io/name': 'names',
              'k8s-app': 'coredns',
            },
          },
        },
      },
    },
  },
  {
    name: 'null takes a default away',
    values:
      'podAnnotations: null\ncustomLabels: null\nservice: {annotations: null}\nlivenessProbe: null\nresources: {limits: null}',
    want: container({ resources: { requests: { cpu: '100m' } } }),
  },
])

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
