/** A whole server, an API server that goes away and comes back: starts in between, and what becomes of them. */
import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EDE } from '../../../../server/wire/codes.ts'
import { FakeApiServer, NAMESPACES, SERVICES, SLICES } from '../../../harness/fake-api-server.ts'
import { query, readReply, replyText } from '../../../harness/message.ts'
import { exchangeUdp, type RunningServer, startServer } from '../../../harness/server.ts'
import { namespace, service, slice } from '../cluster.ts'
import { newFile } from './pictures.ts'

/** A client that lost its server waits for 0.8 s, then longer. */
const CONVERGE_MS = 60_000

function fill(api: FakeApiServer): void {
  api.put(NAMESPACES, namespace('a'))
  api.put(SERVICES, service('web.a', ['10.96.0.1'], ['http:tcp:80']))
  api.put(SERVICES, service('db.a', []))
  api.put(SLICES, slice('db-1.a', 'db', ['10.1.0.1=db-0']))
}

function corefile(port: number, file: string): string {
  return `.:0 {
    bind 127.0.0.1
    cache 30
    kubernetes cluster.local in-addr.arpa {
      endpoint http://127.0.0.1:${port}
      snapshot ${file}
      startup_timeout 60s
      ttl 30
    }
  }`
}

async function ask(
  server: RunningServer,
  name: string,
  type = 'A',
): Promise<[text: string, error: number | undefined]> {
  const octets = await exchangeUdp(query(name, { type, edns: 1232 }), server.port)
  const options = readReply(octets).additionals!.flatMap(record => ('options' in record ? record.options : []))
  const [option] = options as { code: number; data: Buffer }[]
  return [replyText(octets).replace(/\n;; \w+\n/, ' '), option?.data.readUInt16BE()]
}

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  for (const startMs = performance.now(); !(await met()); ) {
    assert.ok(performance.now() - startMs < CONVERGE_MS, `not within ${CONVERGE_MS} ms`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

test('started while the API server is away: answers at once from the snapshot, then reconciles', async () => {
  const file = newFile()
  let api = await FakeApiServer.start()
  const { port } = api
  fill(api)
  let server = await startServer(corefile(port, file))
  assert.equal(await ask(server, 'web.a.svc.cluster.local'), [
    'NOERROR aa rd web.a.svc.cluster.local. 30 IN A 10.96.0.1',
    undefined,
  ])
  await until(() => existsSync(file))
  await server.stop()
  await api.close()

  const startMs = performance.now()
  server = await startServer(corefile(port, file))
  const web = ['NOERROR aa rd web.a.svc.cluster.local. 5 IN A 10.96.0.1', EDE.STALE_ANSWER]
  assert.equal(await ask(server, 'web.a.svc.cluster.local'), web)
  assert.ok(performance.now() - startMs < 10_000)
  assert.equal(await ask(server, 'db-0.db.a.svc.cluster.local'), [
    'NOERROR aa rd db-0.db.a.svc.cluster.local. 5 IN A 10.1.0.1',
    EDE.STALE_ANSWER,
  ])
  assert.equal(await ask(server, '1.0.96.10.in-addr.arpa', 'PTR'), [
    'NOERROR aa rd 1.0.96.10.in-addr.arpa. 5 IN PTR web.a.svc.cluster.local.',
    EDE.STALE_ANSWER,
  ])
  for (const name of ['new.a.svc.cluster.local', '_nope._tcp.web.a.svc.cluster.local'])
    assert.equal(await ask(server, name), ['SERVFAIL rd', EDE.NOT_READY])

  api = await FakeApiServer.start({}, port)
  api.put(NAMESPACES, namespace('a'))
  api.put(SERVICES, service('web.a', ['10.96.0.2'], ['http:tcp:80']))
  api.put(SERVICES, service('new.a', ['10.96.0.3']))
  await until(async () => (await ask(server, 'web.a.svc.cluster.local'))[1] === undefined)
  assert.match((await ask(server, 'nope.a.svc.cluster.local'))[0], /^NXDOMAIN/)
  assert.equal(await ask(server, 'web.a.svc.cluster.local'), [
    'NOERROR aa rd web.a.svc.cluster.local. 30 IN A 10.96.0.2',
    undefined,
  ])
  assert.equal(await ask(server, 'new.a.svc.cluster.local'), [
    'NOERROR aa rd new.a.svc.cluster.local. 30 IN A 10.96.0.3',
    undefined,
  ])
  for (const gone of ['db.a.svc.cluster.local', 'db-0.db.a.svc.cluster.local'])
    assert.match((await ask(server, gone))[0], /^NXDOMAIN/)
  await server.stop()
  await api.close()
})

test.run()
