/**
 * Runs every *.test.ts below test/ but the end-to-end ones, a few files at a time, each in a process of its own with a
 * deadline. A file that runs no test fails. Ends with `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'

const DEADLINE_MS = 120_000
const AT_ONCE = 2
const wanted = process.argv.slice(2)
const files = globSync('test/**/*.test.ts', { cwd: `${import.meta.dirname}/..` })
  .filter(file => !file.startsWith('test/e2e/'))
  .filter(file => wanted.length === 0 || wanted.some(part => file.includes(part)))
  .sort()

let passed = 0
let failed = 0

/** uvu prints `Total: N`, `Passed: N` at the end of a file that ran to its end. */
function count(output: string, word: string): number | undefined {
  const found = new RegExp(`^\\s*${word}:\\s+(\\d+)`, 'm').exec(output)
  return found ? Number(found[1]) : undefined
}

function runFile(file: string): Promise<void> {
  return new Promise(resolve => {
    // Not the command tsx: it starts a process of its own, which a deadline would leave behind.
    const env = { ...process.env, NO_COLOR: '1' }
    const child = spawn(process.execPath, ['--import', 'tsx', file], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const startedAtMs = performance.now()
    const deadline = setTimeout(() => {
      output += `not done in ${DEADLINE_MS / 1000} s\n`
      child.kill('SIGKILL')
    }, DEADLINE_MS)
    child.stdout.on('data', data => (output += data))
    child.stderr.on('data', data => (output += data))
    child.on('close', code => {
      clearTimeout(deadline)
      const total = count(output, 'Total') ?? 0
      const good = count(output, 'Passed') ?? 0
      const bad = Math.max(total - good, code === 0 && total > 0 ? 0 : 1)
      passed += good
      failed += bad
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
      process.stdout.write(`${bad === 0 ? 'ok  ' : 'FAIL'} ${file} (${good}/${total}, ${seconds} s)\n`)
      if (bad > 0) process.stdout.write(`${total === 0 ? 'no test ran\n' : ''}${output}\n`)
      resolve()
    })
  })
}

const queue = [...files]
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) await runFile(file)
  }),
)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
