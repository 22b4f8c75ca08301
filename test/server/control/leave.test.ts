import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as bind } from '../../../plugins/bind/bind.ts'
import { leave } from '../../../server/control/leave.ts'
import type { Plugin, Query } from '../../../server/plugin.ts'
import * as reply from '../../../server/reply.ts'
import { RCODE } from '../../../server/wire/codes.ts'
import { startServer } from '../../harness/server.ts'

const test = suite('leave')
const COREFILE = '. {\nbind 127.0.0.1\nwhoami\n}\n'
const never = new AbortController().signal

interface Scene {
  readonly events: string[]
  readonly lameduckMs?: number
  readonly handle?: (q: Query) => ReturnType<NonNullable<ReturnType<Plugin['setup']>['handle']>>
}

function pluginOf({ events, lameduckMs = 0, handle = q => reply.empty(q, RCODE.NOERROR) }: Scene): Plugin {
  return {
    name: 'whoami',
    setup(_, site) {
      site.control.lameduckMs = lameduckMs
      return {
        handle,
        draining: () => void events.push('draining'),
        stop: () => void events.push('stop'),
      }
    },
  }
}

test('serves on through lameduck, then until no query came for a second', async () => {
  const events: string[] = []
  const running = await startServer(COREFILE, [bind, pluginOf({ events, lameduckMs: 300 })])
  const startedMs = performance.now()
  const left = leave(running.server, never)
  assert.equal(events, ['draining'])
  let answered = 0
  for (let asking = true; asking; asking = performance.now() - startedMs < 1000) {
    assert.is(await running.ask('a.'), 'NOERROR rd')
    answered++
  }
  const lastMs = performance.now()
  await left
  const quietMs = performance.now() - lastMs
  assert.ok(answered > 10)
  assert.ok(quietMs > 900 && quietMs < 10_000, `left ${quietMs} ms after the last query`)
  assert.equal(events, ['draining', 'stop'])
  await running.stop()
})

test('leaves after five seconds although queries come', async () => {
  const running = await startServer(COREFILE, [bind, pluginOf({ events: [] })])
  const startedMs = performance.now()
  let leaving = true
  const left = leave(running.server, never).then(() => {
    leaving = false
  })
  const asking = (async () => {
    while (leaving) await running.ask('a.').catch(() => {})
  })()
  await left
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs > 4900 && tookMs < 20_000, `left after ${tookMs} ms`)
  await asking
  await running.stop()
})

test('a hurry skips lameduck and what clients may want, but answers what is in flight', async () => {
  const events: string[] = []
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>()
  const { promise: goOn, resolve: answer } = Promise.withResolvers<void>()
  const handle = async (q: Query) => {
    wasAsked()
    await goOn
    events.push('answered')
    return reply.empty(q, RCODE.NOERROR)
  }
  const running = await startServer(COREFILE, [bind, pluginOf({ events, lameduckMs: 60_000, handle })])
  const waiting = running.ask('a.')
  await asked
  const startedMs = performance.now()
  const hurry = new AbortController()
  const left = leave(running.server, hurry.signal)
  hurry.abort()
  setTimeout(answer, 100)
  assert.is(await waiting, 'NOERROR rd')
  await left
  assert.equal(events, ['draining', 'answered', 'stop'])
  assert.ok(performance.now() - startedMs < 20_000)
  await running.stop()
})

test('a reload that is under way when the end comes is given up', async () => {
  const events: string[] = []
  const { promise: starting, resolve: isStarting } = Promise.withResolvers<void>()
  const { promise: goOn, resolve: started } = Promise.withResolvers<void>()
  const running = await startServer(COREFILE, [bind, pluginOf({ events })])
  const start = () => {
    isStarting()
    return goOn
  }
  const slow: Plugin = { name: 'whoami', setup: () => ({ start, stop: () => void events.push('stop new') }) }
  Object.assign(running.server.options, { plugins: [bind, slow] })
  const reloaded = running.server.reloader.request('test')
  await starting
  const left = leave(running.server, AbortSignal.abort())
  started()
  assert.is(await reloaded, false)
  await left
  assert.equal(events.toSorted(), ['draining', 'stop', 'stop new'])
  await running.stop()
})

test.run()
