/**
 * The snapshots of one feed: a file each, shared by the stages that name it, those of the next configuration too. Adding
 * or taking one away leaves the index alone.
 */
import { info } from '../../../server/log.ts'
import { monotonicClock } from '../informer/clock.ts'
import type { Picture } from './header.ts'
import { ageS, Keeper } from './keeper.ts'
import type { Section } from './section.ts'

const NAME = 'kubernetes'

interface Use {
  readonly keeper: Keeper
  readonly restored: Promise<void>
  users: number
}

export class Snapshots {
  readonly #sections: readonly Section[]
  readonly #picture: () => Promise<Picture>
  readonly #uses = new Map<string, Use>()
  /** The first of which something was restored. */
  #source: Keeper | undefined
  #isTold = false
  /** When what was restored was taken, as a text: made once, for all answers. */
  staleText = ''

  constructor(sections: readonly Section[], picture: () => Promise<Picture>) {
    this.#sections = sections
    this.#picture = picture
  }

  /** Restores the file if nobody has, and keeps it current from then on. To be followed by one `drop`. */
  async use(file: string): Promise<void> {
    const use = this.#uses.get(file) ?? this.#open(file)
    this.#uses.set(file, use)
    use.users++
    await use.restored
  }

  /** One user fewer; the last one ends it. */
  async drop(file: string): Promise<void> {
    const use = this.#uses.get(file)
    if (use === undefined || --use.users > 0) return
    this.#uses.delete(file)
    await use.keeper.stop()
  }

  /** Age of what was restored, in seconds. */
  get restoredAgeS(): number | undefined {
    const restored = this.#source?.restored
    return restored && ageS(restored.takenAtMs)
  }

  /** Tells once that answers come from a snapshot, and once that they do not any more. */
  tellOfUse(): void {
    if (this.#source === undefined || this.#isTold) return
    this.#isTold = true
    const { file } = this.#source
    const age = Math.round(this.restoredAgeS ?? 0)
    info(NAME, `answering from snapshot "${file}", ${age} s old, until the Kubernetes API has told what there is`)
    const indexes = [...new Set(this.#sections.map(({ index }) => index))]
    void Promise.all(indexes.map(index => index.whenSynced())).then(() =>
      info(NAME, `synced with the Kubernetes API, nothing is answered from snapshot "${file}" any more`),
    )
  }

  #open(file: string): Use {
    const keeper = new Keeper({ file, sections: this.#sections, picture: this.#picture, clock: monotonicClock })
    return { keeper, restored: this.#begin(keeper), users: 0 }
  }

  async #begin(keeper: Keeper): Promise<void> {
    await keeper.restore()
    if (keeper.restored !== undefined && this.#source === undefined) {
      this.#source = keeper
      this.staleText = `snapshot of ${new Date(keeper.restored.takenAtMs).toISOString()}`
    }
    keeper.start()
  }
}
