/**
 * Runs a suite in network, mount and process namespaces of its own: whatever happens to it, the kernel then ends every
 * process, mount, device and file that it made. Root is not needed where user namespaces are allowed.
 */
import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { childrenOf, must } from './process.ts'

const INSIDE = 'SEXTANT_INSIDE'

/**
 * Starts `script` again, with the same arguments, in there; in there, runs `suite`. Resolves to the exit code, and never
 * where a signal ends it.
 */
export function inNamespaces(script: string, suite: () => Promise<number>): Promise<number> {
  return process.env[INSIDE] ? inside(suite) : outside(script)
}

async function outside(script: string): Promise<number> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const child = spawn('unshare', [...user, ...namespaces, '--', process.execPath, script, ...process.argv.slice(2)], {
    env: { ...process.env, [INSIDE]: '1' },
    // Nothing is ever written to fd 3: its end tells the inner process that this one is gone, even by SIGKILL.
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // unshare itself blocks these signals while it waits.
      for (const pid of childrenOf(child.pid!)) process.kill(pid, 'SIGTERM')
    })
  }
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('exit', (code, signal) => done(signal ? 1 : (code ?? 1)))
  })
}

async function inside(suite: () => Promise<number>): Promise<number> {
  new Socket({ fd: 3 })
    .on('close', () => process.exit(130))
    .unref()
    .resume()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
  await must('ip', ['link', 'set', 'lo', 'up'])
  return suite()
}
