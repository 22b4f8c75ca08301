import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin as log } from '../../plugins/log/log.ts'
import { plugin } from '../../plugins/metadata/metadata.ts'
import type { Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { RCODE } from '../../server/wire/codes.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { answer, fakeUpstream } from '../harness/fake-upstream.ts'
import { type Ask, query } from '../harness/message.ts'
import { startServer, temporaryFolder } from '../harness/server.ts'
import { chainOf } from '../harness/stage.ts'

let asked = 0
/** Tells the first label of the name as `backend/first`, and nothing for names that begin with "none". */
const backend: Stage = {
  handle: q => reply.empty(q, q.qnameText.startsWith('nx') ? RCODE.NXDOMAIN : RCODE.NOERROR),
  metadata: label => {
    if (label !== 'backend/first') return undefined
    return q => {
      asked++
      const first = q.qnameText.split('.')[0]
      return first === 'none' ? undefined : first
    }
  },
}

async function logged(body: string, name: string, ask: Ask = {}): Promise<string | undefined> {
  const { send } = chainOf([plugin, log], body, [backend])
  const [line] = await capturedLog(() => send(query(name, ask)))
  return line?.replace('[INFO] ', '')
}

for (const { name, body, ask, line } of [
  { name: 'a value', body: 'metadata', ask: 'www.example', line: 'www' },
  { name: 'no value', body: 'metadata', ask: 'none.example', line: '-' },
  { name: 'in one of the zones', body: 'metadata example.org example', ask: 'www.example', line: 'www' },
  { name: 'outside of the zones', body: 'metadata example.org', ask: 'www.example', line: '-' },
  { name: 'without the plugin', body: '', ask: 'www.example', line: '-' },
]) {
  test(name, async () => {
    assert.is(await logged(`${body}\nlog . "{/backend/first}"`, ask), line)
  })
}

for (const { name, format, ask, line } of [
  { name: 'labels of nobody', format: '{/backend/other} {/other/first} {/first} {/}', ask: 'a.b', line: '- - - -' },
  { name: 'between text', format: 'x{/backend/first}{name}{', ask: 'a.b', line: 'xaa.b.{' },
  { name: 'kinds and classes', format: '{/log/type} {/log/class}', ask: 'a.b', line: 'NOERROR success' },
  { name: 'denials', format: '{/log/type} {/log/class}', ask: 'nx.b', line: 'NXDOMAIN denial' },
]) {
  test(name, async () => {
    assert.is(await logged(`metadata\nlog . "${format}"`, ask), line)
  })
}

test('what nobody wants to know is not read', async () => {
  asked = 0
  await logged('metadata\nlog', 'www.example')
  await logged('metadata\nlog example.org "{/backend/first}"', 'www.example')
  await logged('metadata\nlog . "{/backend/first}" {\nclass error\n}', 'www.example')
  assert.is(asked, 0)
  await logged('metadata\nlog . "{/backend/first}"', 'www.example')
  assert.is(asked, 1)
})

for (const { body, at, says } of [
  { body: 'metadata {\nexample\n}', at: '3:1', says: 'takes no block' },
  { body: 'metadata {\n}', at: '2:1', says: 'takes no block' },
  { body: 'metadata\nmetadata example', at: '3:1', says: 'used again' },
  { body: 'metadata a..b', at: '2:10', says: 'empty label' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

const MANIFEST = `
apiVersion: v1
kind: Pod
metadata: { name: tester, namespace: prod, labels: { app: tests } }
spec: { containers: [{ name: a }] }
status: { phase: Running, podIP: 127.0.0.1, podIPs: [{ ip: 127.0.0.1 }] }
---
apiVersion: v1
kind: Service
metadata: { name: out, namespace: prod }
spec: { type: ExternalName, externalName: www.example }
`

test('a whole server: the cluster, the client and the upstream', async () => {
  const upstream = await fakeUpstream(one => answer(one, [`${one.name} 300 A 192.0.2.1`]))
  const folder = temporaryFolder()
  folder.write('pod.yaml', MANIFEST)
  const server = await startServer(`.:0 {
    bind 127.0.0.1
    metadata
    log . "{/kubernetes/service}|{/kubernetes/client-pod-name}|{/kubernetes/client-label/app}|{/forward/upstream}"
    kubernetes cluster.local {
      manifests ${folder.path}
      pods verified
    }
    cache
    forward . 127.0.0.1:${upstream.port}
  }`)
  try {
    const lines = await capturedLog(async () => {
      for (const name of ['web.prod.svc.cluster.local', 'out.prod.svc.cluster.local', 'a.example', 'a.example'])
        await server.ask(name)
    })
    assert.equal(
      lines.filter(line => line.includes('|')),
      [
        '[INFO] web|tester|tests|-',
        `[INFO] out|tester|tests|127.0.0.1:${upstream.port}`,
        `[INFO] -|tester|tests|127.0.0.1:${upstream.port}`,
        '[INFO] -|tester|tests|-', // from the cache
      ],
    )
  } finally {
    await server.stop()
    await upstream.close()
    folder.remove()
  }
})

test('an upstream that failed is named too', async () => {
  const server = await startServer(`.:0 {
    bind 127.0.0.1
    metadata
    log . "{rcode} {/forward/upstream}"
    forward . 127.0.0.1:9
  }`)
  try {
    const lines = await capturedLog(() => server.ask('a.example'))
    assert.ok(lines.includes('[INFO] SERVFAIL 127.0.0.1:9'), lines.join('\n'))
  } finally {
    await server.stop()
  }
})

test.run()
