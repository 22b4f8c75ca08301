/**
 * The process: Node's version, the command line, signals, exceptions that nobody caught. Imports statically nothing that
 * another version of Node could stumble over.
 */
import { extname } from 'node:path'
import type { Arguments } from './control/arguments.ts'

const NODE_MAJOR = '26'
const root = `${import.meta.dirname}/..`
/** Beside this file, and like it a bundle or not. */
const threadFile = `${import.meta.dirname}/thread${extname(import.meta.filename)}`

const found = process.versions.node
if (found.split('.')[0] !== NODE_MAJOR) {
  process.stderr.write(
    `sextant: found Node.js v${found}, expected version ${NODE_MAJOR}: run npm ci, then bin/sextant\n`,
  )
  process.exit(1)
}

// At once: until somebody listens, SIGUSR1 is for Node's inspector. (--disable-sigusr1 would block it for us too.)
let reload = () => {}
process.on('SIGUSR1', () => reload())

void main()

async function main(): Promise<void> {
  const { ArgumentError, parseArguments, USAGE } = await import('./control/arguments.ts')
  const { fatal, plain, setLogFormat } = await import('./log.ts')
  const { startWithPermissions } = await import('./control/permissions.ts')
  try {
    startWithPermissions(root)
    const { check, listPlugins, VERSION } = await import('./control/boot.ts')
    const args = parseArguments(process.argv.slice(2))
    setLogFormat(args.logFormat)
    if (args.command === 'help') plain(USAGE)
    else if (args.command === 'version') plain(`Sextant-${VERSION}`)
    else if (args.command === 'plugins') plain(listPlugins())
    else if (args.command === 'check') process.exitCode = check(args, root)
    else await serve(args)
  } catch (cause) {
    fatal(`sextant: ${cause instanceof Error ? cause.message : cause}`)
    if (cause instanceof ArgumentError) fatal(USAGE)
    process.exit(1)
  }
}

async function serve(args: Arguments): Promise<void> {
  const { boot, leave, makeServer, surviveExceptions, whenNpmEnds } = await import('./control/boot.ts')
  const server = makeServer(args, root, threadFile)
  const hurry = new AbortController()
  const end = () => {
    if (!server.isLeaving) leave(server, hurry.signal).finally(() => process.exit(0))
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', () => {
    if (hurry.signal.aborted) process.exit(2)
    hurry.abort() // skips lameduck, also one that SIGTERM began
    end()
  })
  process.on('SIGQUIT', () => process.exit(0))
  for (const signal of ['SIGHUP', 'SIGUSR2']) process.on(signal, () => {})
  whenNpmEnds(end)
  const started = boot(server, args)
  reload = () => started.then(() => server.reloader.request('SIGUSR1'))
  await started
  surviveExceptions()
}
