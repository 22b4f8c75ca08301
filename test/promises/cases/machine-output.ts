/** Standard output that nobody reads, that breaks or was never there: lines are lost and counted, answers are not. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../../harness/process.ts'
import { temporaryFolder } from '../../harness/server.ts'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, Subject } from '../subject.ts'

const SECONDS = isLong ? 20 : 3
const MIB = 1 << 20
/** How much a server may grow by lines that nobody takes. */
const GROWTH_BYTES = 16 * MIB

const dropped = async (subject: Subject) => (await subject.metrics()).sum('sextant_log_dropped_total') ?? 0

for (const threads of [1, 2]) {
  test(`standard output that nobody reads, with a log of every query, ${threads} thread(s): no answer is lost`, async note => {
    const folder = temporaryFolder()
    const fifo = join(folder.path, 'log')
    await must('mkfifo', [fifo])
    // For both, so that opening waits for nobody and the writer never sees the reader go.
    const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
    const more = `log\n${threads > 1 ? `multisocket ${threads}` : ''}`
    const subject = await Subject.start(ports => clusterCorefile(ports, more), {
      wrapper: ['sh', '-c', `exec "$0" "$@" >${fifo}`],
    })
    const before = await askFor(subject, 20_000, 1)
    const rss = subject.rssBytes
    const run = await askFor(subject, 20_000, SECONDS)
    const lines = await dropped(subject)
    note(
      `${told(run)}, ${lines} lines dropped, RSS ${(rss / MIB).toFixed(0)} to ${(subject.rssBytes / MIB).toFixed(0)} MiB`,
    )
    deepEqual([before.lost, run.lost], [0, 0])
    ok(lines > run.answered / 2)
    ok(subject.rssBytes < rss + GROWTH_BYTES)
    // A reader that comes back finds whole lines.
    const text = readAll(reader)
    ok(
      text
        .split('\n')
        .slice(1, -1)
        .every(line => /^(\[INFO\] |\.:|Sextant|linux)/.test(line)),
    )
    await eventually(5000, 'new lines', async () => {
      await askFor(subject, 100, 0.1)
      ok(readAll(reader).includes('[INFO] 127.0.0.1:'))
    })
    await subject.stop()
    closeSync(reader)
    folder.remove()
  })
}

test('standard output whose reader is gone (EPIPE), and one that was closed from the start: no answer is lost', async note => {
  const folder = temporaryFolder()
  const fifo = join(folder.path, 'log')
  await must('mkfifo', [fifo])
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  for (const to of [`>${fifo}`, '>&-']) {
    const subject = await Subject.start(ports => clusterCorefile(ports, 'log'), {
      wrapper: ['sh', '-c', `exec "$0" "$@" ${to}`],
    })
    if (to !== '>&-') closeSync(reader)
    const run = await askFor(subject, 20_000, SECONDS / 2)
    note(`${to === '>&-' ? 'closed' : 'EPIPE'}: ${told(run)}, ${await dropped(subject)} lines dropped`)
    equal(run.lost, 0)
    deepEqual(await subject.stop(), { code: 0, signal: null })
  }
  folder.remove()
})

function readAll(fd: number): string {
  const part = Buffer.alloc(1 << 16)
  let text = ''
  try {
    for (;;) text += part.toString('utf8', 0, readSync(fd, part))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') throw cause
  }
  return text
}
