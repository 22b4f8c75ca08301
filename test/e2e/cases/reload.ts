/**
 * A new Corefile while serving: by signal, by the reload plugin from a ConfigMap volume, and a bad one.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { ask } from '../ask.ts'
import type { Server } from '../server.ts'
import { askThroughout, STOCK_COREFILE, seen, startServer } from '../world.ts'

const NAME = 'reload.example.test'

/** The stock Corefile with an address of our choice, and with `reload` as given. */
function corefile(address: string, reload = 'reload'): string {
  const hosts = `    hosts {\n        ${address} ${NAME}\n        fallthrough\n    }\n`
  return STOCK_COREFILE.replace('    reload\n', `    ${reload}\n${hosts}`)
}

const BROKEN = STOCK_COREFILE.replace('    loop\n', '    loop\n    nonsense\n')
const BROKEN_LINE = BROKEN.split('\n').findIndex(line => line.includes('nonsense')) + 1

async function answering(name: string, text: string): Promise<Server> {
  const server = await startServer(name, { corefile: text })
  await server.ready()
  deepEqual((await ask(server.ip, NAME, 'A')).data, ['192.0.2.1'])
  return server
}

test('SIGUSR1 takes over the edited Corefile, and no question is lost', async note => {
  const server = await answering('usr1', corefile('192.0.2.1'))
  server.writeCorefile(corefile('192.0.2.2'))
  server.child.signal('SIGUSR1')
  const swapped = seen(server.ip, NAME, 'A', ['192.0.2.2'], 10_000)
  const { asked, wrong } = await askThroughout(
    server,
    swapped.then(() => delay(1000)),
  )
  note(`after ${(await swapped).toFixed(0)} ms, ${asked} answered`)
  deepEqual(wrong, [])
  await server.ready(10_000)
  equal((await server.http(8080, '/health')).status, 200)
  equal((await server.metrics()).sum('coredns_panics_total'), 0)
  await server.stop()
})

test('SIGUSR1 with a bad Corefile changes nothing and says where', async () => {
  const server = await answering('usr1-bad', corefile('192.0.2.1'))
  const from = server.child.lines.length
  server.writeCorefile(BROKEN)
  server.child.signal('SIGUSR1')
  const line = await server.child.line(/nonsense/, 5000, from)
  match(line, new RegExp(`Corefile:${BROKEN_LINE}\\b`))
  deepEqual((await ask(server.ip, NAME, 'A')).data, ['192.0.2.1'])
  equal((await server.http(8181, '/ready')).status, 200)
  await server.stop()
})

test('plugin reload: a ConfigMap volume is swapped, a bad Corefile in between is refused', async note => {
  const server = await answering('volume', corefile('192.0.2.1', 'reload 2s 1s'))
  server.writeCorefile(BROKEN)
  await eventually(
    20_000,
    'the failure being counted',
    async () => {
      const failed = (await server.metrics()).sum('coredns_reload_failed_total')
      if (failed !== 1) throw new Error(`coredns_reload_failed_total is ${failed}`)
    },
    50,
  )
  deepEqual((await ask(server.ip, NAME, 'A')).data, ['192.0.2.1'])
  server.writeCorefile(corefile('192.0.2.3', 'reload 2s 1s'))
  const swapped = seen(server.ip, NAME, 'A', ['192.0.2.3'], 20_000)
  const { asked, wrong } = await askThroughout(
    server,
    swapped.then(() => delay(500)),
  )
  note(`after ${(await swapped).toFixed(0)} ms, ${asked} answered`)
  deepEqual(wrong, [])
  await server.stop()
})

test('plugin reload: the stock line, 30 s with jitter', async note => {
  const server = await answering('volume-stock', corefile('192.0.2.1'))
  server.writeCorefile(corefile('192.0.2.4'))
  note(`after ${(await seen(server.ip, NAME, 'A', ['192.0.2.4'], 45_000)).toFixed(0)} ms`)
  await server.stop()
})
