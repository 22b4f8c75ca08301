/**
 * `SEXTANT_PERMISSION=1`: the process starts again in its own place, under Node's permission model. Allowed is what every server
 * needs, what lies beside the Corefile, and what `SEXTANT_READ`, `SEXTANT_WRITE` (files and folders, colons in between) and
 * `SEXTANT_EXEC=1` list. The Corefile is not asked: who may edit it may not widen this. docs/security.md says what it protects, and
 * what not.
 */
import { dirname, join, resolve } from 'node:path'

/** Node warns at every start that these are dangerous, or young. */
const WARNINGS = ['PERM0002', 'PERM0003', 'PERM0004', 'PERM0006', 'ExperimentalWarning']
const FOLDERS = ['/etc', '/run/secrets', '/var/run/secrets']
const PROC = ['limits', 'smaps', 'status', 'stat', 'fd', 'fd/*'].map(file => `/proc/self/${file}`)
const PROC_NET = ['tcp', 'tcp6', 'udp', 'udp6'].map(file => `/proc/net/${file}`)

/** A folder and all in it. Node takes one that is not there yet for a file, so what is in it is named too. */
function allow(kind: 'read' | 'write', paths: string): string[] {
  return paths
    .split(':')
    .filter(path => path !== '')
    .map(path => resolve(path))
    .flatMap(path => (path === '/' ? ['/*'] : [path, join(path, '*')]))
    .map(path => `--allow-fs-${kind}=${path}`)
}

/** Where the command line says that the Corefile is. */
function corefileOf(words: readonly string[]): string {
  let file = 'Corefile'
  for (const [i, word] of words.entries()) {
    const [, named] = /^--?conf=(.*)$/s.exec(word) ?? []
    if (named !== undefined) file = named
    else if (/^(?:--?conf|check)$/.test(words[i - 1] ?? '')) file = word
  }
  return resolve(file)
}

/** Flags of Node's. @param root the checkout, or what has its form; @param words of the command line */
export function permissionFlags(root: string, words: readonly string[]): string[] {
  const { SSL_CERT_FILE = '', SEXTANT_READ = '', SEXTANT_WRITE = '', SEXTANT_EXEC, SEXTANT_UDP } = process.env
  const corefile = corefileOf(words)
  const reading = [root, ...FOLDERS, dirname(corefile), SSL_CERT_FILE, SEXTANT_READ, SEXTANT_WRITE].join(':')
  return [
    '--permission',
    ...WARNINGS.map(code => `--disable-warning=${code}`),
    '--allow-net',
    '--allow-worker',
    // Native calls may do whatever the process may. Beside them the inspector adds nothing, and without it Node blocks SIGUSR1.
    ...(SEXTANT_UDP === 'dgram' ? [] : ['--allow-ffi', '--allow-inspector']),
    ...(SEXTANT_EXEC === '1' ? ['--allow-child-process'] : []),
    ...[...PROC, ...PROC_NET, corefile].map(file => `--allow-fs-read=${file}`),
    // Standard output and error are opened once more, so that they do not block.
    ...[1, 2].map(fd => `--allow-fs-write=/proc/self/fd/${fd}`),
    ...allow('read', reading),
    ...allow('write', SEXTANT_WRITE),
  ]
}

/** Returns where nothing is to be done. @throws Error for a value that means nothing */
export function startWithPermissions(root: string): void {
  const { SEXTANT_PERMISSION = '' } = process.env
  if (!['', '0', '1'].includes(SEXTANT_PERMISSION))
    throw new Error(`SEXTANT_PERMISSION is "${SEXTANT_PERMISSION}", expected 1 or 0`)
  if (SEXTANT_PERMISSION !== '1' || process.permission !== undefined) return
  const [, script = '', ...words] = process.argv
  const flags = [...process.execArgv, ...permissionFlags(resolve(root), words)]
  process.execve!(process.execPath, [process.execPath, ...flags, script, ...words], process.env)
}
