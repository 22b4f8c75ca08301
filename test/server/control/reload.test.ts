import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as bind } from '../../../plugins/bind/bind.ts'
import { plugin as health } from '../../../plugins/health/health.ts'
import { build } from '../../../server/control/build.ts'
import { readConfiguration } from '../../../server/control/configuration.ts'
import { closeAll } from '../../../server/control/sockets.ts'
import { cells, counter } from '../../../server/metrics.ts'
import type { Plugin, Query, Stage } from '../../../server/plugin.ts'
import * as reply from '../../../server/reply.ts'
import { RCODE } from '../../../server/wire/codes.ts'
import { capturedLog } from '../../harness/captured-log.ts'
import { freePort } from '../../harness/free-port.ts'
import { type RunningServer, startServer } from '../../harness/server.ts'

const test = suite('reload')
const failed = counter('coredns_reload_failed_total', 'Configurations that could not be taken over.')()

/** A plugin `answer RCODE` that records what becomes of its stages. */
function recorder(events: string[], over: (id: string) => Partial<Stage> = () => ({})): Plugin {
  return {
    name: 'whoami',
    setup(directive) {
      const id = directive.once().argument().text
      const stage: Stage & { id: string } = {
        id,
        handle: (q: Query) => reply.empty(q, id === 'old' ? RCODE.NXDOMAIN : RCODE.NOERROR),
        start(previous) {
          events.push(`start ${id}${previous === undefined ? '' : ` after ${(previous as { id?: string }).id}`}`)
        },
        serving: () => void events.push(`serving ${id}`),
        stop: () => void events.push(`stop ${id}`),
        ...over(id),
      }
      return stage
    },
  }
}

const parsed = (text: string) =>
  readConfiguration({ file: 'stdin', folder: '/', text, isDefault: false, isFallback: false })

const corefile = (id: string, more = '') => `. {\nbind 127.0.0.1\nwhoami ${id}\n${more}\n}\n`

async function withServer(plugin: Plugin, task: (running: RunningServer) => Promise<void>): Promise<void> {
  const running = await startServer(corefile('old'), [bind, health, plugin])
  try {
    await task(running)
  } finally {
    await running.stop()
  }
}

test('sockets that cannot be let go of stop no reload that comes later', async () => {
  const events: string[] = []
  await withServer(recorder(events), async ({ server, reload }) => {
    const { end } = server.threads
    server.threads.end = async () => {
      throw new Error('no descriptor is left')
    }
    const lines = await capturedLog(async () => {
      assert.ok(await reload(corefile('new')))
      await server.reloader.idle
    })
    assert.ok(lines.includes('[ERROR] the old configuration did not end: no descriptor is left'))
    assert.ok(events.includes('stop old'))
    server.threads.end = end
    assert.ok(await reload(corefile('newer')))
  })
})

test('the new configuration starts with the old stage, serves, and only then the old one stops', async () => {
  const events: string[] = []
  await withServer(recorder(events), async running => {
    assert.is(await running.ask('a.'), 'NXDOMAIN rd')
    assert.is(await running.reload(corefile('new')), true)
    assert.is(await running.ask('a.'), 'NOERROR rd')
    await running.server.reloader.idle
    assert.equal(events, ['start old', 'serving old', 'start new after old', 'serving new', 'stop old'])
  })
  assert.is(events.at(-1), 'stop new')
})

const MISTAKES: { name: string; corefile: string; says: RegExp }[] = [
  { name: 'a Corefile that does not parse', corefile: '. {\nwhoami new', says: /:1:3: block of "\." is never closed/ },
  { name: 'an unknown directive', corefile: corefile('new', 'nosuch'), says: /:4:1: unknown directive "nosuch"/ },
  { name: 'an empty Corefile', corefile: '', says: /is empty, expected a server block/ },
  { name: 'a stage that cannot start', corefile: corefile('broken'), says: /broken does not start/ },
]

for (const { name, corefile: bad, says } of MISTAKES) {
  test(`${name} changes nothing, is counted and says why`, async () => {
    const events: string[] = []
    const plugin = recorder(events, id => ({
      ...(id === 'broken' && { start: () => Promise.reject(new Error('broken does not start')) }),
    }))
    await withServer(plugin, async running => {
      const before = cells[failed]!
      const lines = await capturedLog(async () => assert.is(await running.reload(bad), false))
      assert.match(lines.join('\n'), says)
      assert.is(cells[failed]! - before, 1)
      assert.is(await running.ask('a.'), 'NXDOMAIN rd')
      assert.not.ok(events.includes('stop old'))
      assert.is(await running.reload(corefile('new')), true)
      assert.is(await running.ask('a.'), 'NOERROR rd')
    })
  })
}

test('a busy port changes nothing: new sockets are bound before old ones close', async () => {
  const busy = createServer()
  busy.listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const { port } = busy.address() as AddressInfo
  const events: string[] = []
  try {
    await withServer(recorder(events), async running => {
      const lines = await capturedLog(() => running.reload(`.:${port} {\nbind 127.0.0.1\nwhoami new\n}`))
      assert.match(lines.join('\n'), new RegExp(`127\\.0\\.0\\.1:${port}": the port is in use`))
      assert.is(await running.ask('a.'), 'NXDOMAIN rd')
      assert.equal(events, ['start old', 'serving old'])
    })
  } finally {
    busy.close()
  }
})

for (const udp of ['batch', 'dgram'] as const) {
  const both = (port: number) => `.:${port} {\nwhoami new\n}\nexample.org:${port} {\nbind 127.0.0.1\nwhoami new\n}`
  const only = (port: number, address: string) => `.:${port} {\n${address && `bind ${address}`}\nwhoami old\n}`
  const withUdp = async (task: (running: RunningServer, asks: (name: string) => Promise<string>) => Promise<void>) => {
    if (udp === 'dgram') process.env.SEXTANT_UDP = 'dgram'
    const running = await startServer(only(await freePort(), ''), [bind, health, recorder([])])
    const { port } = running
    const asks = async (name: string) => {
      const [overUdp, overTcp] = [await running.ask(name, {}, 'udp', port), await running.ask(name, {}, 'tcp', port)]
      assert.is(overUdp, overTcp)
      return overUdp
    }
    try {
      await task(running, asks)
    } finally {
      await running.stop()
      delete process.env.SEXTANT_UDP
    }
  }
  const addresses = ({ server }: RunningServer) => server.sockets.all().map(({ address }) => address)

  test(`${udp}: an address beside every address comes and goes`, async () => {
    await withUdp(async (running, asks) => {
      const { port } = running
      for (let i = 0; i < 3; i++) {
        assert.is(await asks('a.'), 'NXDOMAIN rd')
        assert.is(await running.reload(both(port)), true)
        await running.server.reloader.idle
        assert.is(await asks('example.org.'), 'NOERROR rd')
        assert.is(await asks('a.'), 'REFUSED rd', 'the socket of the address serves its own zones alone')
        assert.is(await running.reload(only(port, '')), true)
        await running.server.reloader.idle
        assert.is(await asks('example.org.'), 'NXDOMAIN rd')
      }
      assert.equal(addresses(running), ['', ''])
    })
  })

  test(`${udp}: every address beside one, and the one goes`, async () => {
    await withUdp(async (running, asks) => {
      const { port } = running
      const steps = [
        { corefile: only(port, '127.0.0.1'), open: ['127.0.0.1'] },
        { corefile: both(port), open: ['127.0.0.1', ''] },
        { corefile: only(port, '127.0.0.1'), open: ['127.0.0.1'] },
        { corefile: only(port, ''), open: [''] },
      ]
      for (const { corefile, open } of steps) {
        assert.is(await running.reload(corefile), true)
        await running.server.reloader.idle
        assert.equal([...new Set(addresses(running))], open)
        await asks('example.org.')
      }
    })
  })

  test(`${udp}: the old configuration answers until the new one serves, also on the new socket`, async () => {
    await withUdp(async (running, asks) => {
      const bound = await running.server.sockets.bind(
        build(parsed(both(running.port)), { plugins: [bind, recorder([])], port: 0, reload: async () => false }),
      )
      assert.is(bound.size, 1)
      assert.is(await asks('a.'), 'NXDOMAIN rd')
      assert.equal(
        [...bound.values()].flat().map(({ received }) => received),
        [1, 1],
      )
      await closeAll(bound)
      assert.is(await asks('a.'), 'NXDOMAIN rd')
    })
  })
}

test('a health port stays open through a reload, and through one that fails', async () => {
  const running = await startServer(corefile('old', 'health 127.0.0.1:0'), [bind, health, recorder([])])
  try {
    const [stage] = running.server.current!.stages().filter(({ plugin }) => plugin === 'health')
    const { ports } = stage!.stage as unknown as { ports: number[] }
    const status = async () => (await fetch(`http://127.0.0.1:${ports[0]}/health`)).status
    assert.is(await status(), 200)
    await capturedLog(() => running.reload(corefile('new', 'health 127.0.0.1:0\nnosuch')))
    assert.is(await status(), 200)
    assert.is(await running.reload(corefile('new', 'health 127.0.0.1:0')), true)
    await running.server.reloader.idle
    assert.is(await status(), 200)
  } finally {
    await running.stop()
  }
})

test('a query in flight is answered by the stage that has it, before that stops', async () => {
  const events: string[] = []
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>()
  const { promise: goOn, resolve: answer } = Promise.withResolvers<void>()
  const plugin = recorder(events, id => ({
    ...(id === 'old' && {
      async handle(q: Query) {
        wasAsked()
        await goOn
        events.push('answered old')
        return reply.empty(q, RCODE.NXDOMAIN)
      },
    }),
  }))
  await withServer(plugin, async running => {
    const waiting = running.ask('a.')
    await asked
    assert.is(await running.reload(corefile('new')), true)
    assert.is(await running.ask('a.'), 'NOERROR rd')
    assert.not.ok(events.includes('stop old'))
    answer()
    assert.is(await waiting, 'NXDOMAIN rd')
    await running.server.reloader.idle
    assert.ok(events.indexOf('answered old') < events.indexOf('stop old'))
  })
})

test('a request during a reload runs after it, and several such are one', async () => {
  const events: string[] = []
  const { promise: starting, resolve: isStarting } = Promise.withResolvers<void>()
  const { promise: goOn, resolve: started } = Promise.withResolvers<void>()
  const plugin = recorder(events, id => ({
    ...(id === 'slow' && {
      async start() {
        isStarting()
        await goOn
        events.push('started slow')
      },
    }),
  }))
  await withServer(plugin, async running => {
    const first = running.reload(corefile('slow'))
    await starting
    const second = running.reload(corefile('new'))
    const third = running.server.reloader.request('test')
    started()
    assert.equal(await Promise.all([first, second, third]), [true, true, true])
    await running.server.reloader.idle
    assert.equal(
      events.slice(2),
      ['started slow', 'serving slow', 'stop old', 'start new', 'serving new', 'stop slow'].map(event =>
        event === 'start new' ? 'start new after slow' : event,
      ),
    )
  })
})

for (const over of ['udp', 'tcp'] as const) {
  test(`no query over ${over} is lost while reloading`, async () => {
    await withServer(recorder([]), async running => {
      let reloading = true
      const replies = new Set<string>()
      const client = async () => {
        while (reloading) replies.add(await running.ask('a.', {}, over))
      }
      const clients = Array.from({ length: 8 }, client)
      for (let i = 0; i < 20; i++) {
        assert.is(await running.reload(corefile(i % 2 === 0 ? 'new' : 'old')), true)
        assert.is(await running.ask('a.', {}, over), i % 2 === 0 ? 'NOERROR rd' : 'NXDOMAIN rd')
      }
      reloading = false
      await Promise.all(clients) // an unanswered query rejects
      assert.equal([...replies].sort(), ['NOERROR rd', 'NXDOMAIN rd'])
    })
  })
}

test('a listener that is no longer named is closed, and a new one opened', async () => {
  await withServer(recorder([]), async running => {
    const closed = running.port
    assert.is(await running.reload('. {\nbind 127.0.0.2\nwhoami new\n}'), true)
    await running.server.reloader.idle
    assert.equal(
      running.server.sockets.all().map(({ address }) => address),
      ['127.0.0.2', '127.0.0.2'],
    )
    const again = createServer().listen(closed, '127.0.0.1')
    await once(again, 'listening')
    again.close()
  })
})

test('a hundred reloads leave nothing open', async () => {
  const running = await startServer(corefile('old', 'health 127.0.0.1:0'), [bind, health, recorder([])])
  try {
    const open = () => process.getActiveResourcesInfo().filter(name => !/Timeout|Immediate/.test(name)).length
    await running.reload(corefile('new', 'health 127.0.0.1:0'))
    await running.server.reloader.idle
    const before = open()
    for (let i = 0; i < 100; i++) await running.reload(corefile(`n${i}`, 'health 127.0.0.1:0'))
    await running.server.reloader.idle
    const after = open()
    assert.ok(after <= before, `${before} resources, then ${after}`) // one may be on its way out when they are first counted
  } finally {
    await running.stop()
  }
})

test.run()
