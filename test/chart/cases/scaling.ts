/** What values come to: how many pods there are. */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { render } from '../chart.ts'
import { kind, testRows } from '../rows.ts'

testRows('scaling', [
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
])

test('scaling: what is scaled by others has no number of replicas', async () => {
  for (const scaler of ['hpa', 'autoscaler']) {
    const objects = await render(`${scaler}: {enabled: true}`)
    equal('replicas' in (objects.get('Deployment/dns-sextant') as unknown as { spec: object }).spec, false)
  }
})

test('scaling: the autoscaler is told its numbers as numbers', async () => {
  const objects = await render('autoscaler: {enabled: true, nodesPerReplica: 8, max: 20}')
  const { data } = objects.get('ConfigMap/dns-sextant-autoscaler') as never as { data: { linear: string } }
  deepEqual(JSON.parse(data.linear), {
    coresPerReplica: 256,
    nodesPerReplica: 8,
    min: 0,
    max: 20,
    includeUnschedulableNodes: false,
    preventSinglePointFailure: true,
  })
})
