/** Threads that end by themselves: what comes for them is answered, and others take their places. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Threads } from '../../../../server/control/threads/threads.ts'
import { families } from '../../../../server/metrics.ts'
import { capturedLog } from '../../../harness/captured-log.ts'
import {
  census,
  corefile,
  counted,
  makeThreadBundle,
  removeThreadBundle,
  tellAnother,
  until,
  whoAnswers,
  withThreads,
} from '../../../harness/census.ts'

const test = suite('threads: deaths')
test.before(makeThreadBundle)
test.after(removeThreadBundle)
const deaths = () => counted('sextant_thread_deaths_total')

test('deaths are shown from the second thread on, before there is one', async () => {
  const shown = () => families.get('sextant_thread_deaths_total')?.children.size ?? 0
  await withThreads(corefile(1), async server => {
    assert.is(shown(), 0)
    assert.ok(await server.reload(corefile(2)))
    assert.is(shown(), 1)
    assert.is(deaths(), 0)
  })
})

for (const name of ['exit', 'oom']) {
  test(`a thread that dies (${name}) is replaced; what comes for it meanwhile is answered`, async () => {
    await withThreads(corefile(3), async server => {
      const before = { deaths: deaths(), asked: counted('coredns_dns_requests_total') }
      const lines = await capturedLog(async () => {
        await census(server, 'udp', 64)
        await tellAnother(server, name)
        await until(() => deaths() === before.deaths + 1, 'the end of the thread')
        for (let i = 0; i < 64; i++) await whoAnswers(server)
        await until(async () => (await census(server)).size === 3, 'a successor')
      })
      assert.ok(lines.some(line => /^\[ERROR\] thread [12] has ended \(.+\) and is replaced$/.test(line)))
      assert.ok(lines.some(line => /^\[INFO\] thread [12] serves again$/.test(line)))
      assert.ok(counted('coredns_dns_requests_total') >= before.asked + 192)
      assert.is((await census(server, 'tcp')).size, 3)
    })
  })
}

test('a thread that is ended is replaced within a second, with the configuration that serves then', async () => {
  await withThreads(corefile(2, 'hosts {\n192.0.2.1 a\n}'), async server => {
    assert.ok(await server.reload(corefile(2, 'hosts {\n192.0.2.2 a\n}')))
    const [thread] = server.server.threads.all()
    const before = deaths()
    await thread!.terminate()
    const tookMs = await until(() => server.server.threads.all().length === 1, 'a successor')
    assert.ok(tookMs < 5000, `${tookMs} ms`)
    const replies = await Promise.all(Array.from({ length: 40 }, () => server.ask('a')))
    assert.ok(replies.every(reply => reply.includes('192.0.2.2')))
    assert.is(deaths(), before + 1)
  })
})

test('a reload while a thread is missing brings it back', async () => {
  await withThreads(corefile(2), async server => {
    await server.server.threads.all()[0]!.terminate()
    assert.ok(await server.reload(corefile(3)))
    await until(async () => (await census(server)).size === 3, 'both')
    assert.is(server.server.threads.all().length, 2)
  })
})

test('who stands in for a thread that dies twice stands in once', async () => {
  const hosts = (last: number, havoc = 'havoc') => corefile(2, `${havoc}\nhosts {\n192.0.2.${last} a\nfallthrough\n}`)
  await withThreads(hosts(1, ''), async server => {
    const before = deaths()
    await server.server.threads.all()[0]!.terminate()
    assert.not.ok(await server.reload(hosts(1, 'havoc nobind')))
    await until(() => deaths() === before + 2, 'the end of the one that was to take over')
    await until(() => server.server.threads.all().length === 1, 'a successor')
    assert.ok(await server.reload(hosts(2, '')))
    await server.server.reloader.idle
    const replies = await Promise.all(Array.from({ length: 200 }, () => server.ask('a')))
    assert.is(replies.filter(reply => !reply.includes('192.0.2.2')).length, 0)
  })
})

test('a new thread that ends before it serves is replaced', async () => {
  await withThreads(corefile(1), async server => {
    const { threads } = server.server
    const prepare = threads.prepare.bind(threads)
    threads.prepare = async (...args) => {
      const prepared = await prepare(...args)
      await threads.all()[0]!.terminate()
      return prepared
    }
    assert.ok(await server.reload(corefile(2)))
    threads.prepare = prepare
    await census(server)
    await until(async () => (await census(server)).size === 2, 'a successor')
  })
})

test('a thread that the system does not give now is made later', async () => {
  await withThreads(corefile(1), async ({ server, reload }) => {
    const { sockets, options } = server
    let left = 1
    const file = () => {
      if (left-- === 0 || left === -2) throw new Error('no thread is left')
      return options.threadFile
    }
    const threads = new Threads({
      port: 0,
      sockets,
      get file() {
        return file()
      },
    })
    Object.assign(server, { threads })
    assert.ok(await reload(corefile(2)))
    const lines = await capturedLog(async () => {
      await threads.all()[0]!.terminate()
      await until(() => left === -3 && threads.all().length === 1, 'a successor')
    })
    assert.is(lines.filter(line => line.includes('cannot be replaced: no thread is left')).length, 2)
    assert.ok(await reload(corefile(3)))
  })
})

test('what comes for a thread that dies in lameduck is answered', async () => {
  await withThreads(corefile(2), async server => {
    const { threads } = server.server
    threads.drain()
    await threads.all()[0]!.terminate()
    assert.equal([...(await census(server)).keys()], [0])
    assert.is(threads.all().length, 0)
  })
})

test('an exception that nobody caught does not end a thread', async () => {
  await withThreads(corefile(2), async server => {
    const before = { deaths: deaths(), panics: counted('coredns_panics_total') }
    const lines = await capturedLog(async () => {
      await tellAnother(server, 'throw')
      await until(() => counted('coredns_panics_total') > before.panics, 'a count')
      assert.is((await census(server)).size, 2)
    })
    assert.ok(lines.some(line => line.startsWith('[ERROR] uncaught exception: Error: havoc')))
    assert.is(deaths(), before.deaths)
  })
})

test('a thread that hangs is ended and replaced', async () => {
  await withThreads(corefile(2), async server => {
    const before = deaths()
    const lines = await capturedLog(async () => {
      await tellAnother(server, 'hang')
      await until(() => deaths() > before, 'its end')
      await until(async () => (await census(server)).size === 2, 'a successor')
    })
    assert.ok(lines.includes('[ERROR] thread 1 has ended (no sign of life for 10 s) and is replaced'))
  })
})

test.run()
