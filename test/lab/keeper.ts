/**
 * The process that is the lab while it is up, started by run.ts. Outside, it answers on a socket and waits; inside network,
 * mount and process namespaces it brings everything up. However either ends, the kernel takes the namespaces away, and
 * whichever is left removes the control groups.
 *
 *   node keeper.ts [-v] [--tied]    --tied: down as soon as standard input ends; otherwise only until the lab is up
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, Socket } from 'node:net'
import { childrenOf, must } from '../harness/process.ts'
import { printCommands } from './administrator.ts'
import { createCgroups, removeCgroups } from './cgroups.ts'
import { tails } from './daemon.ts'
import { NODES } from './place.ts'
import { SOCKET, UP, UP_ALREADY } from './socket.ts'
import { bringUp } from './up.ts'

const INSIDE = 'SEXTANT_LAB_INSIDE'

/** @throws Error if this machine has a lab already */
async function outside(): Promise<void> {
  const server = createServer()
  try {
    await once(server.listen(SOCKET), 'listening')
  } catch (cause) {
    throw new Error(UP_ALREADY, { cause })
  }
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  // The shell is process 1 and reaps what containerd leaves to it; fd 3 tells the inner process that this one is gone.
  const inner = ['sh', '-c', '"$@"; exit $?', 'lab', process.execPath, ...process.argv.slice(1)]
  createCgroups(NODES.map(({ name }) => name))
  const unshare = spawn('unshare', [...namespaces, '--', ...inner], {
    env: { ...process.env, [INSIDE]: '1', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const first = (): number | undefined => childrenOf(unshare.pid!)[0]
  let isGoingDown = false
  const down = (): void => {
    isGoingDown = true
    if (unshare.exitCode !== null || unshare.signalCode !== null) return
    const pid = first()
    // Where it has no child yet: one that it makes now ends with it.
    if (pid === undefined) unshare.kill('SIGKILL')
    else process.kill(pid, 'SIGKILL')
  }
  let isUp = false
  // Whoever started this reads until the lab is up, and then goes.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  unshare.stdout!.on('data', (data: Buffer) => {
    isUp ||= data.toString().includes(UP)
    process.stdout.write(data)
  })
  // Of its child's end by a signal unshare complains.
  unshare.stderr!.on('data', (data: Buffer) => isGoingDown || process.stderr.write(data))
  process.stdin.resume().on('close', () => {
    if (!isUp || process.argv.includes('--tied')) down()
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, down)
  const waiting = new Set<Socket>()
  server.on('connection', socket => {
    waiting.add(socket)
    socket
      .on('error', () => undefined)
      .on('data', word => {
        if (word.toString() === 'down') down()
      })
    socket.write(JSON.stringify({ pid: first(), isUp }))
  })
  unshare.on('exit', async code => {
    const isClean = await removeCgroups()
    if (!isClean) console.error('lab: control groups named sextant-lab could not be removed')
    process.exit(isClean ? (code ?? 1) : 1)
  })
}

async function inside(): Promise<void> {
  new Socket({ fd: 3 }).on('close', abandon).resume()
  if (process.argv.includes('-v')) printCommands()
  await must('mount', ['-t', 'tmpfs', 'none', '/run'])
  try {
    await bringUp()
    console.log(UP)
  } catch (error) {
    console.log(error instanceof Error ? error.message : error)
    console.log(tails())
    process.exit(1)
  }
}

/** Without the outer process, this one has to see to the control groups. */
async function abandon(): Promise<void> {
  try {
    // All but this process and process 1, which ends with this one.
    process.kill(-1, 'SIGKILL')
  } finally {
    await removeCgroups()
    process.exit(1)
  }
}

if (process.env[INSIDE]) await inside()
else {
  await outside().catch(error => {
    console.error(`lab: ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  })
}
