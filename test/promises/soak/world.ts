/** What a soak runs in: the server, the API server it watches, the name server it forwards to, all on one loopback. */
import { once } from 'node:events'
import { clusterCorefile } from '../../../bench/cluster/corefile.ts'
import { KUBE_SIZE, type Mix, writeMix } from '../../../bench/rows/kube.ts'
import { type Replay, Sides } from '../../../bench/sides.ts'
import { RCODE } from '../../../server/wire/codes.ts'
import { Subject } from '../subject.ts'
import { startUpstream, type Upstream } from '../upstream.ts'

export interface World {
  readonly subject: Subject
  readonly api: ReplayedApi
  readonly upstream: Upstream
  readonly mix: Mix
  /** The Corefile that it serves, with a number of seconds that `cache` keeps answers. */
  corefile(cacheS: number): string
}

/** The replayed API server, which comes back on its port. */
export class ReplayedApi {
  readonly #sides: Sides
  #replay: Replay

  constructor(sides: Sides, replay: Replay) {
    this.#sides = sides
    this.#replay = replay
  }

  get source(): string {
    return this.#replay.source
  }

  async stop(): Promise<void> {
    this.#replay.child.kill('SIGKILL')
    await once(this.#replay.child, 'exit')
  }

  async start(): Promise<void> {
    this.#replay = await this.#sides.replay(KUBE_SIZE, this.#replay.port)
  }

  /** Moves one endpoint of a service; the watchers are told. */
  async move(service: number): Promise<void> {
    await fetch(`${this.#replay.url}/move?slice=${service % KUBE_SIZE.services}`, { method: 'POST' })
  }
}

/** Everything, started; `end` of the second takes all but the server down. */
export async function createWorld(): Promise<{ world: World; end: () => void }> {
  const sides = new Sides(true)
  const api = new ReplayedApi(sides, await sides.replay(KUBE_SIZE))
  const upstream = await startUpstream(RCODE.NXDOMAIN)
  const corefileOf = clusterCorefile(api.source, { upstream: upstream.address })
  const subject = await Subject.start(corefileOf)
  const corefile = (cacheS: number) => corefileOf(subject.ports).replace('cache 30', `cache ${cacheS}`)
  const end = () => {
    upstream.close()
    sides.end()
  }
  return { world: { subject, api, upstream, mix: writeMix(sides), corefile }, end }
}
