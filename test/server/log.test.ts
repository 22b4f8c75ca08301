/** What reaches standard output, and how: seen from outside, by a program that logs. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../harness/server.ts'

const DEADLINE_MS = 20_000
const log = `${import.meta.dirname}/../../server/log.ts`
const metrics = `${import.meta.dirname}/../../server/metrics.ts`

/** A program that logs; \`log\`, \`cells\` and \`dropped\` are there, and \`turn\`, which resolves a turn later. */
const program = (body: string) => `
import * as log from '${log}'
import { cells, counter } from '${metrics}'
import fs from 'node:fs'
const dropped = () => cells[counter('sextant_log_dropped_total', 'Log lines that nobody took in time.')()]
const turn = () => new Promise(resolve => setImmediate(resolve))
${body}`

function start(body: string, stdout: 'pipe' | number = 'pipe'): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', program(body)], {
    stdio: ['ignore', stdout, 'pipe', 'pipe'],
  })
}

async function textOf(stream: Readable | null | undefined): Promise<string> {
  let text = ''
  for await (const part of stream ?? []) text += part
  return text
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(DEADLINE_MS) })
  return code
}

/** A pipe as a shell makes it: what `spawn` makes is a pair of sockets. It stays open until `close`. */
function makeFifo(path: string): { fd: number; read(): Promise<string>; close(): void } {
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR)
  return { fd, read: () => textOf(spawn('cat', [path]).stdout), close: () => closeSync(fd) }
}

const lines = (text: string) => text.split('\n').slice(0, -1)

for (const kind of ['socket', 'pipe'] as const)
  test(`a ${kind} whose reader stops: whole lines, in order, and every other one is counted`, async () => {
    const folder = temporaryFolder()
    const fifo = kind === 'pipe' ? makeFifo(`${folder.path}/fifo`) : undefined
    const child = start(
      `
    const SENT = 20000
    let logged = 0
    for (let turns = 0; logged < SENT; turns++) {
      for (let i = 0; i < 1 + turns % 97; i++) log.info('log', (logged++) + ' ' + 'x'.repeat(logged % 300))
      await turn()
    }
    const before = dropped()
    fs.writeSync(3, 'full\\n')
    const alive = setInterval(() => {}, 1000)
    await new Promise(resolve => process.once('SIGUSR2', resolve))
    clearInterval(alive)
    log.info('log', 'after')
    await turn()
    fs.writeSync(3, JSON.stringify({ logged: logged + 1, before, dropped: dropped() }))`,
      fifo?.fd,
    )
    const told = (child.stdio[3] as Readable).setEncoding('utf8')
    const [full] = await once(told, 'data', { signal: AbortSignal.timeout(DEADLINE_MS) })
    assert.is(full, 'full\n', 'the logger is not held up')
    const read = fifo?.read() ?? textOf(child.stdout)
    await new Promise(resolve => setTimeout(resolve, 300)) // until the pipe is empty
    fifo?.close()
    const report = textOf(told)
    child.kill('SIGUSR2')
    assert.is(await ended(child), 0)
    const got = lines(await read)
    const { logged, before, dropped } = JSON.parse(await report)
    assert.ok(before > 1000)
    assert.is(got.length + dropped, logged)
    assert.is(got.at(-1), '[INFO] plugin/log: after')
    let last = -1
    for (const line of got.slice(0, -1)) {
      const [, number, filling] = /^\[INFO\] plugin\/log: (\d+) (x*)$/.exec(line) ?? []
      assert.is(filling?.length, (Number(number) + 1) % 300, line)
      assert.ok(Number(number) > last)
      last = Number(number)
    }
    folder.remove()
  })

for (const flags of ['a', 'w']) {
  test(`a file that two processes write to, opened with "${flags}": nobody overwrites`, async () => {
    const folder = temporaryFolder()
    const file = folder.write('log', '')
    const fd = openSync(file, flags)
    try {
      const count = 500
      const children = ['a', 'b'].map(name =>
        start(
          `for (let i = 0; i < ${count}; i++) { log.info('${name}', String(i)); if (i % 7 === 0) await turn() }`,
          fd,
        ),
      )
      assert.equal(await Promise.all(children.map(ended)), [0, 0])
      const got = lines(readFileSync(file, 'utf8'))
      for (const name of ['a', 'b']) {
        assert.equal(
          got.filter(line => line.startsWith(`[INFO] plugin/${name}: `)),
          Array.from({ length: count }, (_, i) => `[INFO] plugin/${name}: ${i}`),
        )
      }
      assert.is(got.length, 2 * count)
    } finally {
      closeSync(fd)
      folder.remove()
    }
  })
}

const ENDS = [
  { name: 'process.exit', end: 'process.exit(3)', code: 3, stderr: /^$/ },
  { name: 'the end of the program', end: '', code: 0, stderr: /^$/ },
  { name: 'an exception that nobody caught', end: "throw new Error('broken')", code: 1, stderr: /Error: broken/ },
  { name: 'fatal', end: "log.fatal('no'); process.exit(1)", code: 1, stderr: /^no\n$/ },
]
for (const { name, end, code, stderr } of ENDS) {
  test(`nothing is lost at ${name}`, async () => {
    const child = start(`for (let i = 0; i < 300; i++) log.plain(String(i))\n${end}`)
    const [out, told, got] = await Promise.all([textOf(child.stdout), textOf(child.stderr), ended(child)])
    assert.is(got, code)
    assert.equal(
      lines(out),
      Array.from({ length: 300 }, (_, i) => String(i)),
    )
    assert.match(told, stderr)
  })
}

test('the lines of a turn are one write, those before last words come first', async () => {
  const folder = temporaryFolder()
  const fd = openSync(folder.write('log', ''), 'a')
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      program(`
    import { syncBuiltinESMExports } from 'node:module'
    const { writeSync } = fs
    const writes = []
    fs.writeSync = (to, octets) => { writes.push(String(octets)); return octets.length }
    syncBuiltinESMExports()
    log.info('a', '1'); log.warn('b', '2'); await turn(); await turn()
    log.plain('3'); log.fatal('last words'); await turn()
    writeSync(3, JSON.stringify(writes))`),
    ],
    { stdio: ['ignore', fd, fd, 'pipe'] },
  )
  const [writes] = await Promise.all([textOf(child.stdio[3] as Readable), ended(child)])
  assert.equal(JSON.parse(writes), ['[INFO] plugin/a: 1\n[WARN] plugin/b: 2\n', '3\n', 'last words\n'])
  closeSync(fd)
  folder.remove()
})

test.run()
