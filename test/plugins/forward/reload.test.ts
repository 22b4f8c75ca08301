/** #58: reloads while questions wait for upstreams. None is lost, and what was kept stays where the settings do. */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'uvu'
import { answer, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { startServer } from '../../harness/server.ts'

const CLIENTS = 16
const RELOADS = 10
/** Every question waits for some milliseconds: some are in flight whenever a reload swaps the routes. */
const slow: Script = asked => [{ send: answer(asked, [`${asked.name} 300 A 192.0.2.1`]), afterMs: 5 }]

for (const over of ['udp', 'tcp'] as const) {
  test(`#58 no question over ${over} is lost while reloading, and what is kept is not asked for again`, async () => {
    const upstream = await fakeUpstream(slow)
    const corefile = (line: string) => `. {\nbind 127.0.0.1\ncache\nforward . ${upstream.address} {\n${line}\n}\n}\n`
    const server = await startServer(corefile('max_fails 2'))
    const answered: string[] = []
    let isOver = false
    const client = async (i: number) => {
      for (let n = 0; !isOver; n++) answered.push((await server.ask(`n${n}.c${i}.example`, {}, over)).split(' ')[0]!)
    }
    try {
      await server.ask('kept.example', {}, over)
      const clients = Array.from({ length: CLIENTS }, (_, i) => client(i))
      for (let i = 1; i <= RELOADS; i++) {
        while (answered.length < i * 5 * CLIENTS) await new Promise(resolve => setTimeout(resolve, 1))
        equal(await server.reload(corefile(`max_fails ${2 + i}`)), true)
      }
      isOver = true
      await Promise.all(clients) // one that is not answered rejects
      deepEqual([...new Set(answered)], ['NOERROR'])
      await server.ask('kept.example', {}, over)
      equal(upstream.asked.filter(({ name }) => name === 'kept.example.').length, 1)
    } finally {
      isOver = true
      await server.stop()
      await upstream.close()
    }
  })
}

test.run()
