/** The control plane restarts or is away, under load: no lookup fails, and replicas hear of changes again. */
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { startAgain, stopDaemon } from '../daemon.ts'
import { apiServerReady, hearsOfChanges } from './addon.ts'
import { losesNone } from './load.ts'

const TIMEOUT = { timeoutMs: 150_000 }
/** Of an API server that waits for its watches to end: up to a minute, and they do not. */
const KILL_AFTER_MS = 5000

test(
  'the API server is restarted: no lookup fails, and changes are heard of again',
  note =>
    losesNone(
      'restart of the API server',
      async () => {
        await stopDaemon('kube-apiserver', 'SIGTERM', KILL_AFTER_MS)
        startAgain('kube-apiserver')
        await apiServerReady()
        await hearsOfChanges()
      },
      note,
    ),
  TIMEOUT,
)

test(
  'etcd is restarted: no lookup fails, and changes are heard of again',
  note =>
    losesNone(
      'restart of etcd',
      async () => {
        await stopDaemon('etcd')
        startAgain('etcd')
        await apiServerReady()
        await hearsOfChanges()
      },
      note,
    ),
  TIMEOUT,
)

test(
  'the API server is killed, away for 10 s, and comes back: no lookup fails, and changes are heard of again',
  note =>
    losesNone(
      'API server away for 10 s',
      async () => {
        await stopDaemon('kube-apiserver', 'SIGKILL')
        await delay(10_000)
        startAgain('kube-apiserver')
        await apiServerReady()
        await hearsOfChanges()
      },
      note,
    ),
  TIMEOUT,
)
