/**
 * A whole server in this process, on loopback sockets: a Corefile in a folder of its own, and questions over UDP or TCP.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { plugins as allPlugins } from '../../plugins/index.ts'
import type { Origin } from '../../server/control/configuration.ts'
import { leave } from '../../server/control/leave.ts'
import { Server } from '../../server/control/server.ts'
import type { Plugin } from '../../server/plugin.ts'
import { framed } from './frames.ts'
import { type Ask, query, replyText } from './message.ts'

const ANSWER_MS = 5000
const THREAD_FILE = join(import.meta.dirname, '../../server/thread.ts')

/** A folder that is gone with the test. */
export function temporaryFolder(): { path: string; write(file: string, text: string): string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sextant-'))
  return {
    path,
    write(file, text) {
      writeFileSync(join(path, file), text)
      return join(path, file)
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

export function originOf(file: string, folder: string): Origin {
  return { file, folder, text: undefined, isDefault: false, isFallback: false }
}

export interface RunningServer {
  readonly server: Server
  readonly folder: string
  /** The first port that is open. */
  readonly port: number
  /** The reply as text. */
  ask(name: string, ask?: Ask, over?: 'udp' | 'tcp', port?: number): Promise<string>
  /** Writes the Corefile anew and reloads. */
  reload(corefile: string): Promise<boolean>
  stop(): Promise<void>
}

/** Starts a server. Keys without a port get a free one; `bind 127.0.0.1` keeps it on the loopback. */
export async function startServer(
  corefile: string,
  plugins: readonly Plugin[] = allPlugins,
  threadFile = THREAD_FILE,
): Promise<RunningServer> {
  const folder = temporaryFolder()
  const file = folder.write('Corefile', corefile)
  const server = new Server({ origin: originOf(file, folder.path), plugins, port: 0, threadFile })
  try {
    await server.takeOver()
  } catch (cause) {
    folder.remove()
    throw cause
  }
  const firstPort = () => server.sockets.all()[0]!.port
  return {
    server,
    folder: folder.path,
    get port() {
      return firstPort()
    },
    async ask(name, ask = {}, over = 'udp', port = firstPort()) {
      const message = query(name, ask)
      return replyText(over === 'udp' ? await exchangeUdp(message, port) : await exchangeTcp(message, port))
    },
    reload(text) {
      folder.write('Corefile', text)
      return server.reloader.request('test')
    },
    async stop() {
      await leave(server, AbortSignal.abort())
      folder.remove()
    },
  }
}

/** One datagram there and one back. Rejects after five seconds. */
export async function exchangeUdp(message: Uint8Array, port: number): Promise<Buffer> {
  const socket = createSocket('udp4')
  try {
    socket.send(message, port, '127.0.0.1')
    const [reply] = await once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
    return reply
  } finally {
    socket.close()
  }
}

/** One message there and one back on a connection of its own. Rejects after five seconds. */
export async function exchangeTcp(message: Uint8Array, port: number): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.write(framed(message))
    let reply = Buffer.alloc(0)
    while (reply.length < 2 || reply.length < 2 + reply.readUInt16BE(0)) {
      const [part] = await once(socket, 'data', { signal: AbortSignal.timeout(ANSWER_MS) })
      reply = Buffer.concat([reply, part])
    }
    return reply.subarray(2)
  } finally {
    socket.destroy()
  }
}
