/**
 * Connections to the watcher's socket. A server writes lines and reads nothing; `ready?` is answered, for probes.
 *
 * ```
 * serving 169.254.20.10 fd00::10   twice a second: these addresses have an open listener on port 53, and queries are answered
 * leaving                          nothing new is to come here; what came is still answered
 * ready?                           answered by `yes`, or by `no: ` and why
 * ```
 *
 * The end of a connection is the end of its server. Silence is seen to by the kernel, which forgets after 1.5 s.
 */
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { addressOf } from './addresses.ts'
import { warn } from './log.ts'

/** Of a server, its successor, and probes. */
const MAX_CONNECTIONS = 16
/** A line with all addresses that a server may have is shorter. */
const MAX_LINE_CHARACTERS = 4096

export interface LinkEvents {
  /** Each heartbeat. @param addresses as inet_ntop(3) writes them */
  serving(link: Socket, addresses: readonly string[]): void
  leaving(link: Socket): void
  closed(link: Socket): void
  /** What a probe is told. */
  ready(): string
}

/**
 * Listens at `path`, in the place of whoever did before.
 * @throws the system's error where the path cannot be listened at
 */
export async function listenForLinks(path: string, events: LinkEvents): Promise<Server> {
  rmSync(path, { force: true })
  const server = createServer(link => follow(link, events))
  server.maxConnections = MAX_CONNECTIONS
  server.on('drop', () => warn(`found more than ${MAX_CONNECTIONS} connections to ${path}: one is turned away`))
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    // The server is another user; only this pod has the folder. Not by chmod, which would follow what that user may put there.
    const mask = process.umask(0o111)
    server.listen(path, done)
    process.umask(mask)
  })
  return server
}

function follow(link: Socket, events: LinkEvents): void {
  let rest = ''
  link.setEncoding('utf8')
  link.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > MAX_LINE_CHARACTERS) {
      warn(
        `found a line of more than ${MAX_LINE_CHARACTERS} characters, expected "serving ADDRESS…": the connection is closed`,
      )
      link.destroy()
      return
    }
    for (const line of lines) read(line, link, events)
  })
  link.on('error', () => link.destroy()) // told by its close
  link.on('close', () => events.closed(link))
}

function read(line: string, link: Socket, events: LinkEvents): void {
  const [word, ...rest] = line.trim().split(/ +/)
  if (word === 'serving')
    events.serving(
      link,
      rest.flatMap(text => addressOf(text)?.text ?? []),
    )
  else if (word === 'leaving') events.leaving(link)
  else if (word === 'ready?') link.end(`${events.ready()}\n`)
  else {
    warn(
      `found ${JSON.stringify(line.slice(0, 80))}, expected "serving ADDRESS…", "leaving" or "ready?": the connection is closed`,
    )
    link.destroy()
  }
}
