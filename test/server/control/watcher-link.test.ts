/** What the watcher of a node is told, by a server in this process. */
import { createServer, type Server, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as bind } from '../../../plugins/bind/bind.ts'
import { plugin as whoami } from '../../../plugins/whoami/whoami.ts'
import { WatcherLink } from '../../../server/control/watcher-link.ts'
import type { Plugin } from '../../../server/plugin.ts'
import { capturedLog } from '../../harness/captured-log.ts'
import { type RunningServer, startServer, temporaryFolder } from '../../harness/server.ts'
import { delay, eventually } from '../../harness/time.ts'

const test = suite('watcher-link')
const COREFILE = '. {\nbind 127.0.0.1\nwhoami\n}\n'
/** Heartbeats are half a second apart. */
const BEATS_MS = 5000

/** Listens where a watcher would, and keeps what it is told. */
class Watcher {
  text = ''
  connections = 0
  #socket: Socket | undefined
  readonly #server: Server

  constructor(path: string) {
    this.#server = createServer(socket => {
      this.connections++
      this.#socket = socket
      socket
        .on('error', () => {})
        .on('data', octets => {
          this.text += octets
        })
    }).listen(path)
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1)
  }

  async told(count: number): Promise<void> {
    await eventually(BEATS_MS, `${count} lines`, async () => assert.ok(this.lines.length >= count, this.text))
  }

  async close(): Promise<void> {
    this.#socket?.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

async function scene(
  task: (at: { running: RunningServer; path: string }) => Promise<void>,
  corefile = COREFILE,
  plugin: Plugin = whoami,
): Promise<void> {
  const folder = temporaryFolder()
  const running = await startServer(corefile, [bind, plugin])
  try {
    await task({ running, path: `${folder.path}/watcher.sock` })
  } finally {
    await running.stop()
    folder.remove()
  }
}

test('the addresses of the port are told twice a second, then that the server leaves, and nothing more', () =>
  scene(async ({ running, path }) => {
    const watcher = new Watcher(path)
    const link = new WatcherLink(running.server, path, running.port)
    const startedMs = performance.now()
    link.start()
    await watcher.told(1)
    assert.ok(performance.now() - startedMs < 450, 'the first one at once')
    await watcher.told(3)
    assert.ok(performance.now() - startedMs > 950, 'the others half a second apart')
    link.leave()
    await watcher.told(4)
    await delay(1100)
    assert.equal(watcher.lines, [...Array(3).fill('serving 127.0.0.1'), 'leaving'])
    await watcher.close()
  }))

test('several addresses are one line; a wildcard and other ports are none', () =>
  scene(async ({ running, path }) => {
    const [first, ...others] = running.server.sockets.all().map(({ port }) => port)
    const watcher = new Watcher(path)
    const link = new WatcherLink(running.server, path, first)
    link.start()
    await watcher.told(1)
    assert.is(watcher.lines[0], 'serving 127.0.0.1')
    link.leave()
    await watcher.close()
    assert.ok(others.some(port => port !== first))
  }, '. {\nbind 127.0.0.1\nwhoami\n}\nother {\nbind 127.0.0.2\nwhoami\n}\n'))

test('a server on every address tells that it serves none as such', () =>
  scene(async ({ running, path }) => {
    const watcher = new Watcher(path)
    const link = new WatcherLink(running.server, path, running.port)
    link.start()
    await watcher.told(2)
    link.leave()
    await watcher.told(3)
    assert.equal(watcher.lines, ['serving', 'serving', 'leaving'])
    await watcher.close()
  }, '. {\nwhoami\n}\n'))

test('nothing is told before every plugin has been ready; what it is later is no matter', async () => {
  let isReady = false
  const slow: Plugin = { name: 'whoami', setup: () => ({ ready: () => isReady }) }
  await scene(
    async ({ running, path }) => {
      const watcher = new Watcher(path)
      const link = new WatcherLink(running.server, path, running.port)
      link.start()
      await delay(1500)
      assert.equal(watcher.lines, [])
      isReady = true
      await watcher.told(1)
      isReady = false
      await watcher.told(2)
      link.leave()
      await watcher.close()
    },
    COREFILE,
    slow,
  )
})

test('a watcher that is not there, and one that comes back, are looked for, with one line in the log each time', () =>
  scene(async ({ running, path }) => {
    const lines = await capturedLog(async () => {
      const link = new WatcherLink(running.server, path, running.port)
      link.start()
      await delay(2200)
      const first = new Watcher(path)
      await first.told(1)
      await first.close()
      await delay(1100)
      const second = new Watcher(path)
      await second.told(1)
      assert.match(await running.ask('a.'), /^NOERROR/)
      link.leave()
      await second.close()
    })
    assert.equal(
      lines.filter(line => line.includes('watcher')).map(line => line.replace(path, 'PATH')),
      [
        '[WARN] the watcher at "PATH" is not there (ENOENT) and is looked for twice a second',
        '[INFO] the watcher at "PATH" is told what is served',
        '[WARN] the watcher at "PATH" is not there (it has closed the connection) and is looked for twice a second',
        '[INFO] the watcher at "PATH" is told what is served',
      ],
    )
  }))

test.run()
