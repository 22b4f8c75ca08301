/** A server in a pod, as far as the API server knows it: a service account's token and CA, in files that are swapped. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiSource } from '../../../../plugins/kubernetes/source/api.ts'
import { inClusterCredentials } from '../../../../plugins/kubernetes/source/in-cluster.ts'
import type { FakeApiServerOptions } from '../../../harness/fake-api-server.ts'
import { type TroubleOptions, TroubleWorld } from './world.ts'

const TLS = `${import.meta.dirname}/../../../harness/tls`
const pem = (name: string) => readFileSync(`${TLS}/${name}`, 'utf8')
export const OLD = { ca: pem('ca.crt'), tls: { cert: pem('server.crt'), key: pem('server.key') } }
export const NEXT = { ca: pem('next-ca.crt'), tls: { cert: pem('next-server.crt'), key: pem('next-server.key') } }

/** The volume of a service account. */
export class Volume {
  readonly folder = mkdtempSync(join(tmpdir(), 'sextant-trouble-'))
  #swaps = 0
  #token = 'old'
  #ca = OLD.ca

  /** All files at once, as kubelet does it. */
  swap({ token = this.#token, ca = this.#ca }: { token?: string; ca?: string }): void {
    this.#token = token
    this.#ca = ca
    const data = `..data_${++this.#swaps}`
    mkdirSync(`${this.folder}/${data}`)
    writeFileSync(`${this.folder}/${data}/token`, token)
    writeFileSync(`${this.folder}/${data}/ca.crt`, ca)
    symlinkSync(data, `${this.folder}/..next`)
    renameSync(`${this.folder}/..next`, `${this.folder}/..data`)
    if (this.#swaps > 1) return
    for (const name of ['token', 'ca.crt']) symlinkSync(`..data/${name}`, `${this.folder}/${name}`)
  }
}

export interface Pod {
  readonly world: TroubleWorld
  readonly volume: Volume
  /** This is the only token that is known from now on. */
  accept(token: string): void
  /** Answers 401. */
  refused(): number
  /** The API server starts again, with another certificate. */
  restart(tls: FakeApiServerOptions['tls']): Promise<void>
}

/** Runs a scenario in a pod: its files, and an API server that speaks TLS and knows who asks. */
export async function run(scenario: (pod: Pod) => Promise<void>, options: TroubleOptions = {}): Promise<void> {
  const volume = new Volume()
  volume.swap({})
  let valid = 'old'
  let refused = 0
  const authenticate = (world: TroubleWorld) => {
    world.server.refuse = ({ headers }) => {
      if (headers.authorization === `Bearer ${valid}`) return undefined
      refused++
      return { status: 401, reason: 'Unauthorized' }
    }
  }
  const makeSource: TroubleOptions['makeSource'] = (world, settings) => {
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: `${world.server.port}` }
    const credentials = () => inClusterCredentials(world.clock, env, volume.folder)
    return new ApiSource(settings, { ...world.sourceOptions, credentials })
  }
  try {
    await TroubleWorld.run(
      async world => {
        authenticate(world)
        await scenario({
          world,
          volume,
          accept(token) {
            valid = token
          },
          refused: () => refused,
          async restart(tls) {
            await world.server.close()
            world.server = await world.server.again({ tls: tls! })
            authenticate(world)
          },
        })
      },
      // Files are read by other threads.
      { server: { tls: OLD.tls }, makeSource, restMs: 4, ...options },
    )
  } finally {
    rmSync(volume.folder, { recursive: true })
  }
}
