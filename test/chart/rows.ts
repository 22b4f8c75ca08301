/** Rows of a table of values: what a values file comes to. */
import { deepEqual, ok, partialDeepStrictEqual } from 'node:assert/strict'
import { test } from '../harness/suite.ts'
import { type RenderOptions, render } from './chart.ts'

export interface Row extends RenderOptions {
  name: string
  values: string
  /** Parts of objects, by `Kind/name`. */
  want?: Record<string, object>
  /** Objects that must not be there. */
  without?: readonly string[]
}

/** Part of the Deployment of release `dns`: fields of its pods. */
export const pod = (spec: object) => ({ 'Deployment/dns-sextant': { spec: { template: { spec } } } })
export const container = (fields: object) => pod({ containers: [fields] })

/** Objects that are there, whatever they hold. */
export const kind = (...keys: string[]) => Object.fromEntries(keys.map(key => [key, {}]))

/** A test for each row, under the name of its table. */
export function testRows(table: string, rows: readonly Row[]): void {
  for (const { name, values, want = {}, without = [], ...options } of rows) {
    test(`${table}: ${name}`, async () => {
      const objects = await render(values, options)
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
}
