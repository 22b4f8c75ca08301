/**
 * The counters of one other thread as the main one shows them: memory that both have, and which cell is what. They stay
 * when the thread ends, so that no sum goes back; its successor goes on in them.
 */
import { CELLS_BYTES, childLike, families, type Registration, registrationOf, type ThreadCells } from '../../metrics.ts'

export class CellsOfThread {
  readonly #memory = new SharedArrayBuffer(CELLS_BYTES)
  readonly #cells = new Float64Array(this.#memory)

  /** What a thread needs to count in them. */
  forThread(): ThreadCells {
    const known: Registration[] = []
    for (const family of families.values()) {
      for (const child of family.children.values()) {
        const own = child.others?.find(({ cells }) => cells === this.#cells)
        if (own !== undefined) known.push({ ...registrationOf(family, child), cell: own.cell })
      }
    }
    return { memory: this.#memory, known }
  }

  /** The thread counts something there from now on. */
  add(made: Registration): void {
    const child = childLike(made)
    if (child === undefined || child.others?.some(({ cells }) => cells === this.#cells)) return
    child.others = [...(child.others ?? []), { cells: this.#cells, cell: made.cell }]
  }

  /** The thread has taken a gauge out. */
  remove({ name, values, cell }: Registration): void {
    this.#cells[cell] = 0
    const children = families.get(name)?.children
    const key = values.join('\0')
    const child = children?.get(key)
    const others = child?.others?.filter(({ cells }) => cells !== this.#cells) ?? []
    if (child === undefined || children === undefined) return
    child.others = others.length === 0 ? undefined : others
    if (child.isOver === true && child.others === undefined) children.delete(key)
  }

  /** The thread has ended: it has no connections and no entries any more. What it counted stays. */
  clearGauges(): void {
    for (const { kind, children } of families.values()) {
      if (kind !== 'gauge') continue
      for (const { others = [] } of children.values())
        for (const { cells, cell } of others) if (cells === this.#cells) cells[cell] = 0
    }
  }
}
