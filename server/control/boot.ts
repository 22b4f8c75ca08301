/**
 * A start, from the Corefile to the first query. The order is this:
 *
 *   read → parse → build: set up, link → bind sockets → start stages → read from the sockets → tell → write the pid file
 *
 * A busy port fails before anything is started; the cluster may take its startup_timeout before anything is answered.
 * All but the last two steps are those of a reload: they stand in server.ts. With SEXTANT_SHARE_ADDRESSES sockets are bound
 * after the stages have started: until then the process that this one takes over from answers all.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { plugins } from '../../plugins/index.ts'
import { checkShareAddresses } from '../listen/listen.ts'
import { error as logError, plain, warn } from '../log.ts'
import { watchLoop } from '../loop-delay.ts'
import { setCookieSecrets } from '../wire/cookie.ts'
import type { Arguments } from './arguments.ts'
import { locate } from './configuration.ts'
import { cookieSecrets } from './cookie-secrets.ts'
import { tellSurplus } from './privileges.ts'
import { releaseMemory } from './release.ts'
import { showVersion } from './reload.ts'
import { Server } from './server.ts'
import { defaultLines, listenerLines, versionLines } from './welcome.ts'

export { VERSION } from '../version.ts'
export { check } from './check.ts'
export { leave } from './leave.ts'
export { whenNpmEnds } from './parent.ts'
export { surviveExceptions } from './survive.ts'

/** For `-plugins`: one per line, in chain order. */
export function listPlugins(): string {
  return plugins.map(({ name }) => name).join('\n')
}

/**
 * A server for a command line. `root` is the folder of the default Corefile, `threadFile` what other threads run. Nothing
 * is opened before `boot`.
 */
export function makeServer(args: Arguments, root: string, threadFile: string): Server {
  const watcher = process.env.SEXTANT_WATCHER || undefined
  return new Server({ origin: locate(args.corefile, root), plugins, port: args.port, threadFile, watcher })
}

/** @throws Error with one clear text for all that is wrong */
export async function boot(server: Server, args: Arguments): Promise<void> {
  const { origin } = server.options
  setCookieSecrets(cookieSecrets())
  checkShareAddresses()
  if (origin.isFallback) warn(undefined, `no -conf and no ./Corefile: serving the default "${origin.file}"`)
  await server.takeOver()
  server.watcher?.start()
  releaseMemory()
  watchLoop()
  showVersion(server.current)
  if (args.pidFile !== undefined) writePidFile(args.pidFile)
  if (args.quiet) return
  for (const lines of listenerLines(server)) plain(lines)
  plain(versionLines())
  tellSurplus()
  if (origin.isDefault) plain(defaultLines(server))
}

/**
 * Writes the id of this process, and takes the file away when the process ends. Answers do not depend on it: a disk that
 * is full or read-only is logged, as CoreDNS does it.
 */
function writePidFile(file: string): void {
  try {
    writeFileSync(file, `${process.pid}\n`)
  } catch (cause) {
    const text = `pid file "${file}" cannot be written: ${cause instanceof Error ? cause.message : cause}`
    logError(undefined, text, cause)
    return
  }
  process.on('exit', () => {
    try {
      if (readFileSync(file, 'utf8').trim() === String(process.pid)) rmSync(file)
    } catch {
      // It is gone, or its folder can no longer be written: nothing is left to do about it here.
    }
  })
}
