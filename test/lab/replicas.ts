/** The addon's replicas, and what must be so of each of them at any time. */
import { match } from 'node:assert/strict'
import { kubectl } from './control-plane.ts'

export const LABEL = 'k8s-app=kube-dns'

export function inKubeSystem(...args: string[]): Promise<string> {
  return kubectl('-n', 'kube-system', ...args)
}

/** The Corefile of a ConfigMap. */
export function corefileOf(configMap: string): Promise<string> {
  return inKubeSystem('get', 'configmap', configMap, '-o', 'jsonpath={.data.Corefile}')
}

export async function writeCorefile(configMap: string, Corefile: string): Promise<void> {
  await inKubeSystem('patch', 'configmap', configMap, '--type=merge', '-p', JSON.stringify({ data: { Corefile } }))
}

/** How often each container of the replicas was restarted, as words: `0 0`. */
export function restarts(): Promise<string> {
  const counts = '{.items[*].status.containerStatuses[*].restartCount}'
  return inKubeSystem('get', 'pods', '-l', LABEL, '-o', `jsonpath=${counts}`)
}

/** What `script` prints in the server's own container, where there is no shell. */
export function inServer(pod: string, script: string): Promise<string> {
  return inKubeSystem('exec', pod, '--', '/usr/bin/node', '-e', script)
}

/** That the server runs as nobody, with one capability, without a way to more, on a read-only root. */
export async function isConfined(pod: string): Promise<void> {
  const status = await inServer(
    pod,
    `const fs = require('fs'); console.log(fs.readFileSync('/proc/1/status', 'utf8'))
    try { fs.writeFileSync('/tmp-file', ''); console.log('wrote') } catch (error) { console.log(error.code) }`,
  )
  match(status, /^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
  match(status, /^CapEff:\s+0000000000000400$/m)
  match(status, /^CapBnd:\s+0000000000000400$/m)
  match(status, /^NoNewPrivs:\s+1$/m)
  match(status, /^Seccomp:\s+2$/m)
  match(status, /^EROFS$/m)
}
