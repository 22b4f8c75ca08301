/**
 * `havoc`: a plugin for tests whose questions say what is to happen in the thread that they come to.
 *
 *   id.      TXT with the number of the thread        exit.    the thread ends (process.exit)
 *   throw.   an exception that nobody catches         oom.     the thread fills its heap
 *   hang.    the thread does nothing any more
 *   late.    answered 300 ms later                    log.     a line in the log, from this thread
 *
 * `havoc WORD` in the Corefile: `nobind` fails to start in other threads than the main one, `slow` starts after a second.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { info } from '../../server/log.ts'
import { type Answer, type Plugin, QUESTION, type Query, type Stage } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'

/** 0 is the main one. */
const THREAD: number = workerData?.thread ?? 0

export const havoc: Plugin = {
  name: 'havoc',
  setup(directive) {
    const [word] = directive.once().args
    return new Havoc(word?.text)
  },
}

class Havoc implements Stage {
  readonly #word: string | undefined
  constructor(word: string | undefined) {
    this.#word = word
  }

  async start(): Promise<void> {
    if (this.#word === 'slow') await sleep(1000)
    if (this.#word === 'nobind' && THREAD > 0) throw new Error('havoc was asked to fail')
  }

  handle(q: Query): Answer | Promise<Answer> {
    const name = q.qnameText
    if (name === 'exit.' && THREAD > 0) setTimeout(() => process.exit(3))
    if (name === 'oom.' && THREAD > 0) setTimeout(fill)
    if (name === 'hang.' && THREAD > 0) setTimeout(hang)
    if (name === 'log.') info('havoc', 'a line')
    if (name === 'throw.' && THREAD > 0) {
      setTimeout(() => {
        throw new Error('havoc')
      })
    }
    return name === 'late.' ? sleep(300).then(() => identity(q)) : identity(q)
  }
}

function identity(q: Query): Answer {
  const a = q.answer.reset()
  const text = Buffer.from(String(THREAD))
  a.answer.add(QUESTION, 0, TYPE.TXT, 0, Uint8Array.of(text.length, ...text))
  return a
}

function fill(): void {
  const kept: number[][] = []
  for (;;) kept.push(new Array<number>(100_000).fill(kept.length))
}

function hang(): void {
  for (;;);
}
