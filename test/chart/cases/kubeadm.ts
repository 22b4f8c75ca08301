/**
 * The chart under kubeadm-values.yaml against `kubectl kustomize k8s/`: one addon in two notations. And what kubeadm's own
 * library says of our tags and of our Corefile, which docs/migrate.md relies on.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from '../../harness/suite.ts'
import { corefileOf, KUBEADM_VALUES, kustomize, programs, ROOT, render } from '../chart.ts'
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
    if (key === 'runAsNonRoot' || key === 'Corefile') return undefined
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

interface Addon {
  metadata: { labels?: object; namespace?: string }
  spec?: {
    type?: string
    strategy?: { rollingUpdate: { maxSurge?: string } }
    template?: { spec: { containers: Record<string, Record<string, unknown>>[] } }
  }
}

/** Fields that one of the two leaves to the API server. */
function withDefaults({ spec }: Addon): void {
  if (!spec) return
  if (spec.strategy) spec.strategy.rollingUpdate.maxSurge ??= '25%'
  if ('ports' in spec) spec.type ??= 'ClusterIP'
  for (const { livenessProbe, readinessProbe } of spec.template?.spec.containers ?? []) {
    for (const probe of [livenessProbe!, readinessProbe!]) {
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

/** CoreDNS of the kubeadm that the library is of. */
const TARGET = '1.14.2'

interface Verdict {
  unsupported: string[]
  unsupportedError: string
  migrationError: string
  isDefault: boolean
}

function verdict(from: string, corefile: string): Verdict {
  const { stdout, stderr } = spawnSync(programs().kubeadmChecks, [from, TARGET], { input: corefile, encoding: 'utf8' })
  ok(stdout, stderr)
  return JSON.parse(stdout)
}

test('kubeadm: preflight checks take a version of CoreDNS for a tag, and nothing else', async () => {
  const corefile = corefileOf(await manifests(), 'coredns')
  for (const tag of [TARGET, '1.13.1', '1.12.0']) {
    const { unsupported, unsupportedError, migrationError } = verdict(tag, corefile)
    deepEqual([unsupported, unsupportedError, migrationError], [[], '', ''], tag)
  }
  for (const tag of ['0.1.0', `${TARGET}-sextant0.1.0`, '1.15.0', 'latest', '']) {
    const { unsupportedError, migrationError } = verdict(tag, corefile)
    const says = `start version '${tag}' not supported`
    deepEqual([unsupportedError, migrationError], [says, says])
  }
})

test('kubeadm: plugins and properties that it does not know are named, unless the tag is that of its own version', () => {
  const corefile = `.:53 {
    bind lo
    debug
    metadata
    multisocket 2
    whoami
    kubernetes cluster.local {
        snapshot /var/lib/sextant/cluster.snapshot
        compare 10m
    }
}`
  const named = verdict('1.14.1', corefile).unsupported.map(line => /^(?:Option|Plugin) "(\w+)"/.exec(line)?.[1])
  deepEqual(named.sort(), ['bind', 'compare', 'debug', 'metadata', 'multisocket', 'snapshot', 'whoami'])
  deepEqual(verdict(TARGET, corefile).unsupported, [])
})

test('kubeadm: docs/migrate.md gives the tag in a form that is taken', () => {
  const text = readFileSync(join(ROOT, 'docs/migrate.md'), 'utf8')
  const [, tag] = /imageTag: v(\S+)/.exec(text) ?? []
  equal(tag, TARGET)
  match(text, /CoreDNSMigration,CoreDNSUnsupportedPlugins/)
})
