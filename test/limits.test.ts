/** docs/limits.md and the metrics of limits: each that is named there exists, and each that there is is named. */
import { deepEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import { families } from '../server/metrics.ts'
import { startServer } from './harness/server.ts'

const text = readFileSync(join(import.meta.dirname, '../docs/limits.md'), 'utf8')
const named = new Set(text.match(/\b(?:sextant|coredns)_[a-z_]+/g))
const OF_LIMITS = /^sextant_(?:tcp|udp|http|log|waiting)_|^sextant_(?:forward_waiting|transfer)/

test('docs/limits.md names the metrics of limits, and none that is not there', async () => {
  const server = await startServer('. {\nbind 127.0.0.1\nhealth 127.0.0.1:0\nprometheus 127.0.0.1:0\n}\n')
  await server.stop()
  ok(named.size > 10)
  deepEqual(
    [...named].filter(name => !families.has(name)),
    [],
  )
  deepEqual(
    [...families.keys()].filter(name => OF_LIMITS.test(name) && !named.has(name)),
    [],
  )
})

test.run()
