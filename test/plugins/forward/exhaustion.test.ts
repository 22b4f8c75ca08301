/** #49 and #50: no descriptors, or no local ports. Each question ends in time, nothing spins, and it is over when it is. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test } from 'uvu'
import { loadFfi } from '../../../server/listen/ffi.ts'
import { answer, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { query, readReply, replyText } from '../../harness/message.ts'
import { Child } from '../../harness/process.ts'
import { env, main, makeBundle, node, removeBundle, START_MS } from '../../harness/scene.ts'
import { exchangeUdp, temporaryFolder } from '../../harness/server.ts'
import { timed, withBlock } from './block.ts'

const DEADLINE_MS = 4500
const DESCRIPTORS = 30
const EADDRINUSE = 98
const EMFILE = 24
const good: Script = asked => answer(asked, [`${asked.name} 60 A 192.0.2.1`])

const ffi = loadFfi()
if (ffi !== undefined) {
  /** While `task` runs, a call of the kernel fails. */
  const failing = async (call: 'bind' | 'socket', code: number, task: () => Promise<void>) => {
    const calls: Record<string, unknown> = ffi.calls
    const { bind, socket } = calls
    const { errno } = ffi
    calls[call] = () => -1
    ffi.errno = () => code
    try {
      await task()
    } finally {
      Object.assign(calls, { bind, socket })
      ffi.errno = errno
    }
  }

  for (const { name, call, code } of [
    { name: '#49 no descriptor is left', call: 'socket' as const, code: EMFILE },
    { name: '#50 all local ports are taken', call: 'bind' as const, code: EADDRINUSE },
  ]) {
    test(`${name}: SERVFAIL at once (EDE 23), and an answer as soon as there is one`, () =>
      withBlock([good], 'forward . %1', async ({ ask, send }) => {
        await failing(call, code, async () => {
          const asks = Array.from({ length: 50 }, (_, i) => timed(ask(`n${i}.example`)))
          for (const [found, tookMs] of await Promise.all(asks)) {
            equal(found, 'SERVFAIL rd ra')
            ok(tookMs < DEADLINE_MS, `took ${tookMs} ms`)
          }
          const { additionals } = readReply(await send(query('www.example', { edns: 1232 })))
          const [opt] = additionals as unknown as { options: { data: Buffer }[] }[]
          equal(opt!.options[0]!.data.readUInt16BE(0), 23)
        })
        const [found, tookMs] = await timed(ask('www.example'))
        match(found, /^NOERROR/)
        ok(tookMs < 1000, `took ${tookMs} ms`)
      }))
  }

  test('#49 no descriptor is left to watch a socket with: it is closed again', () =>
    withBlock([good], 'forward . %1', async ({ ask }) => {
      const { watch } = ffi
      const openFiles = () => readdirSync('/proc/self/fd').length
      await ask('first.example')
      const before = openFiles()
      ffi.watch = () => {
        throw new Error('dup: EMFILE')
      }
      try {
        match(await ask('n.example'), /^NOERROR/)
        equal(openFiles(), before)
      } finally {
        ffi.watch = watch
      }
    }))

  test('#50 ports run out later: the sockets that there are serve all', () =>
    withBlock([good], 'forward . %1', async ({ ask, upstreams }) => {
      await ask('www.example')
      await failing('bind', EADDRINUSE, async () => {
        const found = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(`n${i}.example`)))
        deepEqual([...new Set(found.map(one => one.split(' ')[0]))], ['NOERROR'])
      })
      equal(new Set(upstreams[0]!.asked.map(({ port }) => port)).size, 1)
    }))
}

/** Processor time of a process so far. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** A server that may have few descriptors, and how to reach it. */
async function withFewDescriptors(task: (port: number, child: Child) => Promise<void>): Promise<void> {
  const upstream = await fakeUpstream(good)
  const folder = temporaryFolder()
  const file = folder.write('Corefile', `. {\nbind 127.0.0.1\ncache\nforward . ${upstream.address}\n}\n`)
  const words = ['-c', `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`, node, main, '-conf', file, '-dns.port', '0']
  const child = new Child('sextant', 'sh', words, env)
  try {
    await child.line(/^Sextant-/, START_MS)
    await task(Number(/:(\d+) on 127\.0\.0\.1/.exec(child.lines.join('\n'))![1]), child)
  } finally {
    await child.stop('SIGKILL')
    folder.remove()
    await upstream.close()
  }
}

test.before(makeBundle)
test.after(removeBundle)

test(`#49 ${DESCRIPTORS} descriptors, all in use: what is kept is answered, the rest fails in time, no spinning, then all is well`, () =>
  withFewDescriptors(async (port, child) => {
    const ask = async (name: string) => replyText(await exchangeUdp(query(name), port)).split('\n')[0]!
    equal(await ask('kept.example'), 'NOERROR rd ra')
    const connections: Socket[] = []
    for (let i = 0; i < 2 * DESCRIPTORS; i++) {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      connections.push(socket)
      await once(socket, 'connect')
    }
    const busyMs = cpuMs(child.pid)
    const [rcodes, tookMs] = await timed(Promise.all(Array.from({ length: 100 }, (_, i) => ask(`n${i}.example`))))
    ok(readdirSync(`/proc/${child.pid}/fd`).length >= DESCRIPTORS - 1, 'all are in use')
    for (const rcode of rcodes) match(rcode, /^(NOERROR|SERVFAIL) rd ra$/)
    ok(tookMs < DEADLINE_MS, `took ${tookMs} ms`)
    equal(await ask('kept.example'), 'NOERROR rd ra')
    await new Promise(resolve => setTimeout(resolve, 500))
    ok(cpuMs(child.pid) - busyMs < 450, `${cpuMs(child.pid) - busyMs} ms of processor time`)
    for (const socket of connections) socket.destroy()
    const startedAtMs = performance.now()
    for (let i = 0; (await ask(`again${i}.example`)) !== 'NOERROR rd ra'; i++) {
      ok(performance.now() - startedAtMs < 1000, 'it recovers within a second')
    }
    equal(child.exit, undefined)
  }))

test.run()
