/**
 * Headless services of 100 endpoints, asked with EDNS and 1,232 octets: 1,600 octets of addresses do not fit, and what each
 * side sends instead stands beside what it costs.
 */
import { createSocket } from 'node:dgram'
import { join } from 'node:path'
import { clusterCorefile } from '../cluster/corefile.ts'
import { type ClusterSize, services } from '../cluster/objects.ts'
import { dnsperf, type Run, type Target } from '../dnsperf.ts'
import { type Asked, messageOf, writeMessages } from '../messages.ts'
import type { Settings } from '../settings.ts'
import type { Sides } from '../sides.ts'
import type { Row } from '../table.ts'
import { type Column, inTurns, mediansOf, RUN_COLUMNS, rowsOf } from '../turns.ts'
import { exchange, verifyAnswered } from '../verify.ts'

const SIZE: ClusterSize = { namespaces: 20, services: 500, endpoints: 100 }
const EDNS_BYTES = 1232
const WORK = 'headless, 100 endpoints, EDNS 1232'
const WARM_UP_SECONDS = 2

interface Replies {
  readonly records: number
  readonly truncatedShare: number
}
const REPLY_COLUMNS: readonly Column<Replies>[] = [
  { unit: 'records in a reply', better: 'higher', of: found => found.records },
  { unit: 'replies with TC, %', better: 'lower', of: found => found.truncatedShare * 100 },
]
const COLUMNS: readonly Column<Run>[] = [
  ...RUN_COLUMNS,
  { unit: 'octets of a reply', better: 'lower', of: run => run.replyBytes },
]

export async function measureHundred(sides: Sides, { rounds, seconds }: Settings): Promise<Row[]> {
  const corefile = clusterCorefile((await sides.replay(SIZE)).source)
  const asked = services(SIZE)
    .filter(({ clusterIP }) => clusterIP === undefined)
    .map(({ name, namespace }): Asked => ({ name: `${name}.${namespace}.svc.cluster.local`, type: 'A' }))
  const file = join(sides.folder, 'hundred')
  writeMessages(file, asked, EDNS_BYTES)
  const targets = [await sides.sextant(corefile), await sides.coredns(corefile)]
  const replies: (Replies | undefined)[] = []
  for (const target of targets) {
    replies.push(target && (await lookAtReplies(target, asked)))
    if (target) await dnsperf(target, { file, binary: true, seconds: WARM_UP_SECONDS })
  }
  const runs = await inTurns(targets, rounds, async target => {
    const run = await dnsperf(target, { file, binary: true, seconds })
    verifyAnswered(target, run)
    return run
  })
  return [...mediansOf(WORK, COLUMNS, runs), ...rowsOf(WORK, REPLY_COLUMNS, replies)]
}

/** @throws Error for a reply that has neither all the records nor TC */
async function lookAtReplies(target: Target, asked: readonly Asked[]): Promise<Replies> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.connect(target.port, target.address, resolve))
  let [records, truncated] = [0, 0]
  try {
    for (const [id, question] of asked.entries()) {
      const { answers, flag_tc: isTruncated } = await exchange(socket, messageOf(question, EDNS_BYTES), id)
      const count = answers?.length ?? 0
      if (!isTruncated && count !== SIZE.endpoints)
        throw new Error(`${target.name}: ${question.name}: ${count} records`)
      records += count
      if (isTruncated) truncated++
    }
  } finally {
    socket.close()
  }
  return { records: records / asked.length, truncatedShare: truncated / asked.length }
}
