/** Signals, and exceptions that nobody caught: what they do to a process that serves. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from './harness/free-port.ts'
import { query, replyText } from './harness/message.ts'
import { run } from './harness/process.ts'
import {
  END_MS,
  env,
  LAMEDUCK,
  makeBundle,
  node,
  removeBundle,
  root,
  START_MS,
  scene,
  WHOAMI,
} from './harness/scene.ts'
import { exchangeUdp } from './harness/server.ts'

const test = suite('main: signals')
test.before(makeBundle)
test.after(removeBundle)

test('SIGTERM serves through lameduck, SIGINT then ends it, a second one at once', async () => {
  await scene(async ({ start }) => {
    const child = await start(LAMEDUCK)
    child.signal('SIGTERM')
    await child.line(/Going into lameduck mode for 1m/, START_MS)
    assert.match(replyText(await exchangeUdp(query('a.'), child.port)), /^NOERROR/)
    assert.equal(await child.stop('SIGINT', END_MS), { code: 0, signal: null })
  })
})

test('a second SIGINT ends at once, though a query waits', async () => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  await once(silent, 'listening')
  await scene(async ({ start }) => {
    const child = await start(`. {\nbind 127.0.0.1\nforward . 127.0.0.1:${silent.address().port}\n}\n`)
    const asked = new Promise<void>(resolve => {
      silent.on('message', octets => {
        if (octets.toString('latin1').toLowerCase().includes('waits')) resolve()
      })
    })
    const unanswered = exchangeUdp(query('waits.'), child.port).catch(() => undefined)
    await asked
    child.signal('SIGINT')
    while (await isOpen(child.port)) await new Promise(resolve => setTimeout(resolve, 5))
    assert.is(child.exit, undefined, 'the first one waits for the query')
    assert.equal(await child.stop('SIGINT', END_MS), { code: 2, signal: null })
    await unanswered
  })
  silent.close()
})

/** True where TCP connections are taken. */
async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

const BROKEN: { name: string; code: string; says: RegExp }[] = [
  { name: 'an exception', code: "throw new Error('broken')", says: /uncaught exception: Error: broken/ },
  {
    name: 'a rejection',
    code: "Promise.reject(new Error('broken'))",
    says: /uncaught exception: Error: broken/,
  },
  { name: 'a rejection with a text', code: "Promise.reject('broken')", says: /uncaught exception: broken/ },
]
for (const { name, code, says } of BROKEN) {
  test(`${name} that nobody caught is logged and counted, and the server goes on`, async () => {
    const preload = `process.on('SIGUSR2', () => setImmediate(() => { ${code} }))`
    await scene(
      async ({ folder, start }) => {
        const metricsPort = await freePort()
        const corefile = WHOAMI.replace('whoami', `prometheus 127.0.0.1:${metricsPort}\nwhoami`)
        const child = await start(corefile)
        for (const times of [1, 2]) {
          const from = child.lines.length
          child.signal('SIGUSR2')
          await child.line(says, START_MS, from)
          const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
          assert.match(metrics, new RegExp(`^coredns_panics_total ${times}$`, 'm'))
          assert.match(replyText(await exchangeUdp(query('a.'), child.port)), /^NOERROR aa rd\n/)
        }
        folder.write('Corefile', corefile.replace('whoami', 'errors'))
        child.signal('SIGUSR1')
        await child.line(/Reloading complete/, START_MS)
        assert.equal(await child.stop('SIGTERM', END_MS), { code: 0, signal: null })
      },
      { preload },
    )
  })
}

test('SIGTERM without lameduck leaves when nobody asks', async () => {
  await scene(async ({ start }) => {
    const child = await start(WHOAMI)
    assert.equal(await child.stop('SIGTERM', END_MS), { code: 0, signal: null })
  })
})

test('SIGQUIT ends at once, SIGHUP and SIGUSR2 do nothing', async () => {
  await scene(async ({ start }) => {
    const child = await start(LAMEDUCK)
    child.signal('SIGHUP')
    child.signal('SIGUSR2')
    assert.match(replyText(await exchangeUdp(query('a.'), child.port)), /^NOERROR/)
    assert.equal(await child.stop('SIGQUIT', END_MS), { code: 0, signal: null })
  })
})

test('SIGUSR1 reloads, and does not wake the inspector', async () => {
  await scene(async ({ folder, start }) => {
    const child = await start(WHOAMI)
    folder.write('Corefile', WHOAMI.replace('whoami', 'errors'))
    child.signal('SIGUSR1')
    await child.line(/Reloading complete/, START_MS)
    assert.match(replyText(await exchangeUdp(query('a.'), child.port)), /^REFUSED/)
    folder.write('Corefile', 'nonsense {')
    child.signal('SIGUSR1')
    await child.line(/Reloading failed, the old configuration stays/, START_MS)
    assert.match(replyText(await exchangeUdp(query('a.'), child.port)), /^REFUSED/)
    assert.not.match(child.lines.join('\n'), /Debugger/)
  })
})

test('SIGUSR1 before the server listens for it opens no inspector either', async () => {
  const [, flags = ''] = /exec "\$node" (.*?) "\$root/s.exec(readFileSync(`${root}/bin/sextant`, 'utf8')) ?? []
  const early = "process.kill(process.pid, 'SIGUSR1'); setTimeout(() => {}, 500)"
  const { code, stderr } = await run(
    node,
    [...flags.split(/\s+/).filter(flag => flag.startsWith('--')), '-e', early],
    env,
    START_MS,
  )
  assert.is(code, 0)
  assert.not.match(stderr, /Debugger listening/)
  assert.match(stderr, /Starting inspector on 192\.0\.2\.1:9229 failed/)
})

test.run()
