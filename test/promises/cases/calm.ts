/** A quiet day: what the figures of all other cases are to be held against. */
import { equal } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, Subject } from '../subject.ts'

test('a quiet day: 20,000 queries a second, and no reply is lost', async note => {
  const subject = await Subject.start(ports => clusterCorefile(ports))
  const run = await askFor(subject, 20_000, isLong ? 30 : 5)
  note(told(run))
  equal(run.lost, 0)
  await subject.stop()
})
