/** What the reporter counts: a drift that is the first one is an increase, for the metric is there before. */
import { equal } from 'node:assert/strict'
import { test } from 'uvu'
import type { Resource } from '../../../../plugins/kubernetes/informer/resource.ts'
import { ApiReporter } from '../../../../plugins/kubernetes/source/api-reporter.ts'
import { cells, families } from '../../../../server/metrics.ts'

const quiet = { info() {}, warn() {}, error() {} }

test('drift is 0 once a resource is listed, and grows by what was mended', () => {
  const reporter = new ApiReporter('https://192.0.2.1', quiet)
  const resource = { name: 'things', path: '/api/v1/things' } as Resource
  const drift = () => {
    const child = families.get('sextant_kubernetes_drift_total')!.children.get('things')
    return child && cells[child.cell]
  }
  equal(drift(), undefined)
  reporter.works(resource)
  equal(drift(), 0)
  reporter.mended(resource, 3)
  reporter.works(resource)
  equal(drift(), 3)
})

test.run()
