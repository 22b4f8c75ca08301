/** The record that tells which version of the specification is served (§1: 1.1.0). */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { text } from '../harness/message.ts'
import { clusterOf } from '../plugins/kubernetes/cluster.ts'
import { NODATA, type Sentence, section, specCluster } from './sentences.ts'

const sentences: Sentence[] = [
  {
    says: '`dns-version.<zone>` has a TXT record with the semantic version of the schema',
    ask: 'dns-version.cluster.local',
    type: 'TXT',
    is: `NOERROR aa rd
    ;; ANSWER
    dns-version.cluster.local. 28800 IN TXT "1.1.0"`,
  },
  { says: 'and no records of other types', ask: 'dns-version.cluster.local', is: NODATA },
]
section('2.2', specCluster([]), sentences)

test('k8s-dns §2.2: every zone has its own', async () => {
  const cluster = clusterOf({ zones: 'cluster.local cluster.example' })
  for (const zone of ['cluster.local', 'cluster.example']) {
    assert.is(
      await cluster.ask(`dns-version.${zone}`, { type: 'TXT' }),
      text`NOERROR aa rd
      ;; ANSWER
      dns-version.${zone}. 28800 IN TXT "1.1.0"`,
    )
  }
})

test.run()
