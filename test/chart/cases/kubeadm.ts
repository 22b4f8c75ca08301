/**
 * The chart under kubeadm-values.yaml against `kubectl kustomize k8s/`, and that against what kubeadm writes: one addon in
 * three notations.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { join } from 'node:path'
import { must } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { corefileOf, KUBEADM_VALUES, kustomize, type Objects, objectsOf, programs, ROOT, render } from '../chart.ts'
import { configurationOf } from '../kubeadm.ts'
import { meaningOf } from './corefile.ts'

const addon = () => render('', { release: 'coredns', files: [KUBEADM_VALUES] })
const manifests = () => kustomize(join(ROOT, 'k8s'))

/** What Helm adds to labels, and what the chart adds to kubeadm's fields on purpose. */
function comparable(object: object): unknown {
  return JSON.parse(JSON.stringify(object), (key, value) => {
    if (key === 'labels') {
      const labels = Object.entries(value as object).filter(
        ([name]) => !/^(?:app\.kubernetes\.io|helm\.sh)\//.test(name),
      )
      // kubeadm has them on its Service alone.
      return Object.fromEntries(labels.filter(([name]) => !/^kubernetes\.io\//.test(name)))
    }
    if (key === 'helm.sh/resource-policy') return undefined
    if (key === 'Corefile') return undefined
    return value
  })
}

test('kubeadm: the chart makes the objects of k8s/, under the same names, with the same content', async () => {
  const [chart, plain] = [await addon(), await manifests()]
  deepEqual([...chart.keys()].sort(), [...plain.keys()].sort())
  for (const key of chart.keys()) {
    const [ours, theirs] = [chart.get(key)!, plain.get(key)!].map(comparable) as [Addon, Addon]
    withDefaults(ours)
    withDefaults(theirs)
    // The ConfigMap of kubeadm has no label.
    if (key === 'ConfigMap/coredns') delete ours.metadata.labels
    deepEqual(ours, theirs, key)
  }
})

type Probe = Record<string, unknown>

interface Preference {
  podAffinityTerm: { matchLabelKeys?: string[] }
}

interface Addon {
  metadata: { labels?: object; namespace?: string; resourceVersion?: string }
  spec?: {
    type?: string
    strategy?: { rollingUpdate: { maxSurge?: string } }
    template?: {
      spec: {
        containers: { image?: string; env?: object[]; livenessProbe: Probe; readinessProbe: Probe }[]
        securityContext?: object
        topologySpreadConstraints?: object[]
        affinity?: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: Preference[] } }
        terminationGracePeriodSeconds?: number
      }
    }
  }
}

/** Fields that one of the two leaves to the API server. */
function withDefaults({ spec }: Addon): void {
  if (!spec) return
  if (spec.strategy) spec.strategy.rollingUpdate.maxSurge ??= '25%'
  if ('ports' in spec) spec.type ??= 'ClusterIP'
  for (const { livenessProbe, readinessProbe } of spec.template?.spec.containers ?? []) {
    for (const probe of [livenessProbe, readinessProbe]) {
      probe.initialDelaySeconds ??= 0
      probe.periodSeconds ??= 10
      probe.timeoutSeconds ??= 1
      probe.failureThreshold ??= 3
      probe.successThreshold ??= 1
    }
  }
}

test('kubeadm: the chart says the same in its Corefile', async () => {
  deepEqual(meaningOf(corefileOf(await addon(), 'coredns')), meaningOf(corefileOf(await manifests(), 'coredns')))
})

/** The manifests that kubeadm would write. */
async function kubeadmManifests(): Promise<Objects> {
  const args = ['init', 'phase', 'addon', 'coredns', '--print-manifest', '--config', configurationOf()]
  return objectsOf(await must(programs().kubeadm, args))
}

/** What k8s/ has besides kubeadm's fields, and what it leaves to defaults. */
function asKubeadm(object: Addon): unknown {
  const pod = object.spec?.template?.spec
  if (pod) {
    delete pod.securityContext
    delete pod.topologySpreadConstraints
    const preferences = pod.affinity?.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []
    for (const { podAffinityTerm } of preferences) delete podAffinityTerm.matchLabelKeys
    delete pod.terminationGracePeriodSeconds
    delete pod.containers[0]!.image
    delete pod.containers[0]!.env
    // Its times are shorter here, for lameduck.
    const { httpGet } = pod.containers[0]!.readinessProbe
    pod.containers[0]!.readinessProbe = { httpGet }
  }
  if (!('spec' in object)) delete object.metadata.labels
  delete object.metadata.resourceVersion
  return object
}

test('kubeadm: k8s/ has what kubeadm writes, but for the image, rights, the environment, spread, the times of readiness, labels of roles, and a budget', async () => {
  const [plain, written] = [await manifests(), await kubeadmManifests()]
  deepEqual(
    [...plain.keys()].filter(key => !written.has(key)),
    ['PodDisruptionBudget/coredns'],
  )
  for (const key of written.keys()) {
    const [ours, theirs] = [plain.get(key)!, written.get(key)!].map(object => structuredClone(object) as never as Addon)
    withDefaults(ours!)
    withDefaults(theirs!)
    deepEqual(asKubeadm(ours!), asKubeadm(theirs!), key)
  }
})

test('kubeadm: its Corefile is that of k8s/, byte for byte', async () => {
  equal(corefileOf(await manifests(), 'coredns'), corefileOf(await kubeadmManifests(), 'coredns'))
})
