/**
 * Turns of the event loop. Queries are answered in callbacks from C, after which Node runs neither microtasks nor
 * process.nextTick: a promise goes on at the loop's next turn, which comes whenever something else happens. A leaf.
 */

/**
 * Has the loop turn at once. For whoever makes a promise beside an answer that does not wait, such as a refresh behind a
 * cache hit; for queries that wait, the listener does it.
 */
export function turnSoon(): void {
  setImmediate(turn)
}

function turn(): void {}
