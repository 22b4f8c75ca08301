/** Real threads: who answers, how they come and go with reloads, and what becomes of queries meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { samples } from '../../../../plugins/prometheus/exposition.ts'
import { families } from '../../../../server/metrics.ts'
import { capturedLog } from '../../../harness/captured-log.ts'
import {
  census,
  corefile,
  counted,
  makeThreadBundle,
  removeThreadBundle,
  startThreads,
  tellAnother,
  until,
  whoAnswers,
  withThreads,
} from '../../../harness/census.ts'
import { optionOf, withOptions } from '../../../harness/edns.ts'
import { query } from '../../../harness/message.ts'
import { firstText, UdpClient } from '../../listen/fixture.ts'

const test = suite('threads')
test.before(makeThreadBundle)
test.after(removeThreadBundle)
/** How many values all histograms of a name have counted. */
function observed(name: string): number {
  return samples(families.get(name)!)
    .filter(({ metricName }) => metricName === `${name}_count`)
    .reduce((sum, { value }) => sum + value, 0)
}

test('all threads answer, over UDP and TCP, about as often', async () => {
  await withThreads(corefile(3), async server => {
    for (const over of ['udp', 'tcp'] as const) {
      const found = await census(server, over, 96)
      assert.is(found.size, 3, `${over}: ${[...found]}`)
      for (const [thread, clients] of found) assert.ok(clients > 8, `${over}: thread ${thread} has ${clients} of 96`)
    }
  })
})

test('one socket, or none asked for, is no thread', async () => {
  await withThreads(corefile(1), async server => {
    assert.is(server.server.threads.all().length, 0)
    assert.equal([...(await census(server)).keys()], [0])
  })
})

test('what threads count is shown as one', async () => {
  await withThreads(corefile(3), async server => {
    const before = counted('coredns_dns_requests_total', /udp/)
    const sizes = observed('coredns_dns_request_size_bytes')
    await census(server, 'udp', 50)
    await until(() => counted('coredns_dns_requests_total', /udp/) === before + 50, 'all 50 queries')
    assert.is(observed('coredns_dns_request_size_bytes'), sizes + 50)
  })
})

test('the answer of a thread that waits comes', async () => {
  await withThreads(corefile(3), async server => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => whoAnswers(server, 'late')))
    assert.is(new Set(answers).size, 3)
  })
})

test('reloads change the number of threads; no query is lost, and no count goes back', async () => {
  await withThreads(corefile(undefined), async server => {
    let isOver = false
    let asked = 0
    const before = counted('coredns_dns_requests_total')
    const clients = Array.from({ length: 8 }, async () => {
      for (; !isOver; asked++) await whoAnswers(server)
    })
    clients.push(
      (async () => {
        for (; !isOver; asked++) {
          await whoAnswers(server, 'late')
          await sleep(300)
        }
      })(),
    )
    const whole = Promise.all(clients)
    whole.catch(() => {})
    for (const sockets of [3, 2, 4, 1, 2, 1]) {
      assert.ok(await server.reload(corefile(sockets)))
      await server.server.reloader.idle
      const found = await census(server, 'udp', 24 * sockets)
      assert.equal([...found.keys()].sort(), [...Array(sockets).keys()])
      asked += 24 * sockets
    }
    isOver = true
    await whole
    await server.server.reloader.idle
    assert.is(server.server.threads.all().length, 0)
    assert.is(counted('coredns_dns_requests_total'), before + asked)
  })
})

test('a thread that cannot start fails the start, or keeps what serves', async () => {
  const text = await startThreads(corefile(2, 'havoc nobind')).then(
    () => '',
    cause => cause.message,
  )
  assert.is(text, 'havoc was asked to fail')
  await withThreads(corefile(2), async server => {
    assert.not.ok(await server.reload(corefile(3, 'havoc nobind')))
    assert.not.ok(await server.reload(corefile(3, 'havoc {')))
    assert.is((await census(server)).size, 2)
    assert.ok(await server.reload(corefile(3)))
    assert.is((await census(server)).size, 3)
  })
})

test('a stage that takes its time keeps nobody waiting: the others answer from what was', async () => {
  await withThreads(corefile(2), async server => {
    const reloading = server.reload(corefile(4, 'havoc slow'))
    let answered = 0
    for (let isOver = false; !isOver; answered++) {
      await whoAnswers(server)
      isOver = await Promise.race([reloading, sleep(0, false)])
    }
    assert.ok(answered > 50, `${answered} answers in two seconds`)
    assert.is((await census(server)).size, 4)
  })
})

test('a cookie of one thread is good in the others', async () => {
  await withThreads(corefile(3), async server => {
    assert.is((await census(server)).size, 3)
    const clients = Array.from({ length: 32 }, () => new UdpClient())
    const ask = (client: UdpClient, cookie: Uint8Array) =>
      client.ask(withOptions(query('id', { type: 'TXT' }), [[10, cookie]]), server.port).then(({ octets }) => octets)
    try {
      const cookie = optionOf(await ask(clients[0]!, Buffer.alloc(8, 7)), 10)!
      const replies = await Promise.all(clients.map(client => ask(client, cookie)))
      assert.ok(new Set(replies.map(firstText)).size > 1, 'several threads answer')
      for (const reply of replies) assert.equal(optionOf(reply, 10), cookie)
    } finally {
      for (const client of clients) client.close()
    }
  })
})

test('log lines of threads are written, the last ones too', async () => {
  const lines = await capturedLog(async () => {
    const server = await startThreads(corefile(2))
    for (let i = 0; i < 20; i++) await whoAnswers(server, 'log')
    await server.stop()
  })
  assert.is(lines.filter(line => line === '[INFO] plugin/havoc: a line').length, 20)
})

test('what is in flight when the server leaves is answered', async () => {
  const server = await startThreads(corefile(3))
  const answers = Array.from({ length: 40 }, () => whoAnswers(server, 'late'))
  await sleep(100)
  await server.stop()
  assert.is(new Set(await Promise.all(answers)).size, 3)
})

test('with plain dgram it is the same', async () => {
  process.env.SEXTANT_UDP = 'dgram'
  try {
    await withThreads(corefile(3), async server => {
      assert.is((await census(server)).size, 3)
      assert.is((await census(server, 'tcp')).size, 3)
      await tellAnother(server, 'exit')
      await until(async () => (await census(server, 'udp', 64).catch(() => new Map())).size === 3, 'a successor')
      assert.ok(await server.reload(corefile(1)))
      await server.server.reloader.idle
      assert.equal([...(await census(server)).keys()], [0])
    })
  } finally {
    delete process.env.SEXTANT_UDP
  }
})

test.run()
