/** What the tests of encrypted upstreams share. */
import { readdirSync, readlinkSync } from 'node:fs'
import type { TlsOptions } from 'node:tls'
import type { Stage } from '../../../server/plugin.ts'
import { deadlines } from '../../../server/wheel.ts'
import type { FakeHttps } from '../../harness/fake-https.ts'
import { answer, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { text } from '../../harness/message.ts'
import { SERVER, tlsFolder } from '../../harness/tls.ts'
import { type Block, withBlock } from './block.ts'

export const CA = `tls ${tlsFolder}/ca.crt`
export const OURS = `tls ${tlsFolder}/client.crt ${tlsFolder}/client.key ${tlsFolder}/ca.crt`
export const says =
  (address: string): Script =>
  asked =>
    answer(asked, [`${asked.name} 300 A ${address}`])
export const good = says('192.0.2.1')
export const overTls = (script: Script = good, options: TlsOptions = SERVER) => fakeUpstream(script, options)
export const GOOD = text`
  NOERROR rd ra
  ;; ANSWER
  www.example. 300 IN A 192.0.2.1`
export const SERVFAIL = 'SERVFAIL rd ra'
export const first =
  (then: Script, next: Script = good): Script =>
  asked =>
    asked.nth === 0 ? then(asked) : next(asked)

/** Waits, 10 s at most, until something is so. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + 10_000; !isSo(); await new Promise(r => setTimeout(r, 20))) {
    if (performance.now() > endMs) throw new Error(`still not after 10 s: ${what}`)
  }
}

/** A stage that takes the error of each answer down. */
export function errorsSeen(): { stage: Stage; texts: string[] } {
  const texts: string[] = []
  const stage: Stage = { observe: (_, a) => void texts.push(a.error instanceof Error ? a.error.message : '') }
  return { stage, texts }
}

/** Runs `run` with a block of these upstreams, or of those in `to`, and closes them. */
export async function withHttps(
  ups: readonly FakeHttps[],
  block: string,
  run: (block: Block) => Promise<void>,
  extra: Stage[] = [],
  to = ups.map(up => `https://${up.address}`).join(' '),
): Promise<void> {
  try {
    await withBlock([], `forward . ${to} {\n${CA}\n${block}\n}`, run, extra)
  } finally {
    for (const up of ups) await up.close()
  }
}

/** Descriptors of sockets, unreferenced ones too. */
function sockets(): number {
  const linkOf = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // that of the folder itself is closed by now
    }
  }
  return readdirSync('/proc/self/fd').filter(fd => linkOf(fd).startsWith('socket:')).length
}

const socketsAtStart = sockets()
const warnings: Error[] = []
process.on('warning', warning => warnings.push(warning))

/** Fails if a deadline or socket stays, or if listeners have piled up. */
export async function nothingIsLeft(): Promise<void> {
  await until(() => deadlines() === 0, 'deadlines')
  await until(() => sockets() <= socketsAtStart, `${sockets()} sockets, at the start ${socketsAtStart}`)
  const piled = warnings.filter(one => one.name === 'MaxListenersExceededWarning')
  if (piled.length > 0) throw piled[0]
}
