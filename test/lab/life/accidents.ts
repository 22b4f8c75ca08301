/** The sudden end of a replica, under load: few lookups fail. */
import { equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { restarts } from '../replicas.ts'
import { killReplica, processes } from './addon.ts'
import { underLoad } from './load.ts'

test('no replica was restarted for its memory or its probes so far', async () => equal(await restarts(), '0 0'))

test(
  'kill -9 of a replica: it is back, and one in a hundred lookups fails at most',
  async note => {
    const { asked, failed } = await underLoad(
      'kill -9 of a replica',
      () => killReplica(processes('Sextant').at(-1)!),
      note,
    )
    ok(failed < asked / 100, `${failed} of ${asked} lookups failed`)
  },
  { timeoutMs: 150_000 },
)
