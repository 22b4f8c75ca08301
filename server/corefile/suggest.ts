/** "Did you mean": the nearest of some known words. */

const MAX_WORD_LENGTH = 64

/** The candidate nearest to a word by Damerau-Levenshtein distance, if it is near enough to be a slip of the hand. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_WORD_LENGTH) return undefined
  const lower = word.toLowerCase()
  // Two slips in a short word make another word.
  let best = Math.min(2, Math.floor((word.length + 1) / 3)) + 1
  let nearest: string | undefined
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= best) continue
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < best) [best, nearest] = [distance, candidate]
  }
  return nearest
}

/** ` (did you mean "max_fails"?)`, or nothing. Goes right after the word in question. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const nearest = suggest(word, candidates)
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1
      let least = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + cost)
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) least = Math.min(least, beforePrevious[column - 2]! + 1)
      current.push(least)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length]!
}
