/** A thread that never comes so far as to take requests: who waits for it is told, and what served before serves on. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServer, temporaryFolder } from '../../../harness/server.ts'

const QUICKER = 100
const test = suite('threads: loading')
const folder = temporaryFolder()
test.after(() => folder.remove())

/** While `task` runs, intervals are a hundredth of what they are said to be. */
async function inHurry(task: () => Promise<void>): Promise<void> {
  const real = globalThis.setInterval
  const quicker = (run: () => void, ms = 0) => real(run, ms / QUICKER)
  globalThis.setInterval = quicker as typeof setInterval
  try {
    await task()
  } finally {
    globalThis.setInterval = real
  }
}

test('a thread that hangs while it loads fails the reload after 30 looks, and the next reload is another try', async () => {
  const threadFile = folder.write('hangs.cjs', 'for (;;);\n')
  const corefile = (sockets: number) => `. {\nbind 127.0.0.1\nmultisocket ${sockets}\nwhoami\n}\n`
  const server = await startServer(corefile(1), undefined, threadFile)
  await inHurry(async () => {
    for (const sockets of [2, 3]) {
      const startedAtMs = performance.now()
      assert.not.ok(await server.reload(corefile(sockets)))
      const tookMs = performance.now() - startedAtMs
      assert.ok(tookMs >= 300 && tookMs < 10_000, `${tookMs} ms`)
      assert.match(await server.ask('a'), /^NOERROR aa rd\n/)
    }
  })
  assert.ok(await server.reload(corefile(1)))
  await server.stop()
})

test.run()
