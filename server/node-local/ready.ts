/** The probe: asks the watcher whether the server beside it serves. */
import { connect } from 'node:net'

const ANSWER_MS = 2000

/** @returns '' if it does, else why not: what was found, what was expected */
export function whyNotReady(path: string): Promise<string> {
  return new Promise(done => {
    const link = connect(path)
    let answer = ''
    link.setEncoding('utf8').on('data', text => {
      answer += text
    })
    link.setTimeout(ANSWER_MS, () => link.destroy(new Error(`found no answer in ${ANSWER_MS / 1000} s`)))
    link.on('error', cause => done(`${path}: ${cause.message}, expected a watcher`))
    link.on('close', () => done(answer === 'yes\n' ? '' : answer.trim() || `${path}: found no answer`))
    link.write('ready?\n')
  })
}
