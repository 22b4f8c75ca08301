/** A process that is killed while it writes leaves the snapshot before, or the next one, whole. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import { countsOf, newFile, read } from './pictures.ts'

const KILLS = 8
const STARTED_MS = 30_000

test('killed in the middle of it', async () => {
  const file = newFile()
  const writer = join(import.meta.dirname, 'killed-writer.ts')
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, ['--import', 'tsx', writer, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(STARTED_MS) })
    await new Promise(resolve => setTimeout(resolve, kill * 7))
    child.kill('SIGKILL')
    await exited
    const index = new Index()
    await read(file, index)
    assert.is(countsOf(index).pod, 3000)
  }
  const beside = readdirSync(dirname(file)).filter(name => name.startsWith(`${basename(file)}.`))
  assert.ok(beside.length > 0, 'never killed in the middle')
})

test.run()
