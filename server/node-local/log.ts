/** Lines of the node-local role, in the form that the server's have. They are few, so that each is written at once. */
import { writeSync } from 'node:fs'

export function info(text: string): void {
  line(1, `[INFO] node-local: ${text}`)
}
export function warn(text: string): void {
  line(1, `[WARN] node-local: ${text}`)
}
/** The last words of a command that failed: to standard error. */
export function fatal(text: string): void {
  line(2, text.replace(/^/gm, 'node-local: '))
}
/** What a command was asked for. */
export function plain(text: string): void {
  line(1, text)
}

function line(fd: number, text: string): void {
  try {
    writeSync(fd, `${text}\n`)
  } catch {
    return // nobody reads: the node's DNS goes on without its words
  }
}
