/** How long turns of this thread's event loop are, by the CPU that they take: who else has the processor does not count. */

/** The longest turn while `task` goes on, in milliseconds of CPU time. */
export async function longestTurnMs(task: () => Promise<unknown>): Promise<number> {
  let longestUs = 0
  let before = usedUs()
  let isOver = false
  const turn = () => {
    const now = usedUs()
    longestUs = Math.max(longestUs, now - before)
    before = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await task()
  isOver = true
  await new Promise(resolve => setImmediate(resolve))
  return longestUs / 1000
}

function usedUs(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}
