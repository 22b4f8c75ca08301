/**
 * The plugins, in the order in which a query passes them: that of CoreDNS's plugin.cfg. The only registration.
 */
import type { Plugin } from '../server/plugin.ts'
import { plugin as any } from './any/any.ts'
import { plugin as autopath } from './autopath/autopath.ts'
import { plugin as bind } from './bind/bind.ts'
import { plugin as bufsize } from './bufsize/bufsize.ts'
import { plugin as cache } from './cache/cache.ts'
import { plugin as chaos } from './chaos/chaos.ts'
import { plugin as debug } from './debug/debug.ts'
import { plugin as errors } from './errors/errors.ts'
import { plugin as forward } from './forward/forward.ts'
import { plugin as health } from './health/health.ts'
import { plugin as hosts } from './hosts/hosts.ts'
import { plugin as https } from './https/https.ts'
import { plugin as kubernetes } from './kubernetes/kubernetes.ts'
import { plugin as loadbalance } from './loadbalance/loadbalance.ts'
import { plugin as log } from './log/log.ts'
import { plugin as loop } from './loop/loop.ts'
import { plugin as metadata } from './metadata/metadata.ts'
import { plugin as multisocket } from './multisocket/multisocket.ts'
import { plugin as nsid } from './nsid/nsid.ts'
import { plugin as prometheus } from './prometheus/prometheus.ts'
import { plugin as ready } from './ready/ready.ts'
import { plugin as reload } from './reload/reload.ts'
import { plugin as timeouts } from './timeouts/timeouts.ts'
import { plugin as tls } from './tls/tls.ts'
import { plugin as transfer } from './transfer/transfer.ts'
import { plugin as whoami } from './whoami/whoami.ts'

export const plugins: readonly Plugin[] = [
  metadata,
  https,
  timeouts,
  multisocket,
  reload,
  nsid,
  bufsize,
  bind,
  debug,
  ready,
  health,
  prometheus,
  errors,
  log,
  any,
  chaos,
  loadbalance,
  autopath,
  cache,
  tls,
  transfer,
  hosts,
  kubernetes,
  loop,
  forward,
  whoami,
]
