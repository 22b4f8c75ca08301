/**
 * Log lines: `[LEVEL] plugin/name: text`, or one JSON object each. Writing never blocks: what a reader of the pipe does
 * not take in time is dropped and counted. A leaf.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { cells, counter } from './metrics.ts'

export type Level = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL'
export type LogFormat = 'text' | 'json'

const dropped = counter('sextant_log_dropped_total', 'Log lines that nobody took in time.')()

let format: LogFormat = 'text'
let debugEnabled = false
let stacksEnabled = false

/** Text or JSON, for the whole process (`-log-format`). */
export function setLogFormat(to: LogFormat): void {
  format = to
}
/** Debug lines on or off (`debug`), and stacks with errors (`debug`, `errors { stacktrace }`). */
export function setDebug(enabled: boolean, stacks = enabled): void {
  debugEnabled = enabled
  stacksEnabled = stacks
}
export function isDebug(): boolean {
  return debugEnabled
}

export function debug(plugin: string | undefined, text: string): void {
  if (debugEnabled) write('DEBUG', plugin, text)
}
export function info(plugin: string | undefined, text: string, fields?: Record<string, unknown>): void {
  write('INFO', plugin, text, fields)
}
export function warn(plugin: string | undefined, text: string): void {
  write('WARN', plugin, text)
}
/** An error line; the stack of `cause` follows if stacks are on. */
export function error(plugin: string | undefined, text: string, cause?: unknown): void {
  const stack = stacksEnabled && cause instanceof Error ? `\n${cause.stack}` : ''
  write('ERROR', plugin, text + stack)
}
/** The last words of a process that cannot start: to standard error. */
export function fatal(text: string): void {
  const line = format === 'json' ? jsonLine('FATAL', undefined, text) : text
  put(stderr, `${line}\n`)
}
/** A line without level, for what is printed at start. */
export function plain(text: string): void {
  put(stdout, `${format === 'json' ? jsonLine('INFO', undefined, text) : text}\n`)
}

function write(level: Level, plugin: string | undefined, text: string, fields?: Record<string, unknown>): void {
  const line =
    format === 'json'
      ? jsonLine(level, plugin, text, fields)
      : `[${level}] ${plugin ? `plugin/${plugin}: ` : ''}${text}`
  put(stdout, `${line}\n`)
}

function jsonLine(level: Level, plugin: string | undefined, msg: string, fields?: Record<string, unknown>): string {
  return JSON.stringify({ time: new Date().toISOString(), level, ...(plugin && { plugin }), msg, ...fields })
}

/**
 * A descriptor that does not block. A pipe or terminal is opened once more for itself, so that the shell that shares it
 * is not switched to non-blocking; what cannot be opened again (a socket) is used as it is.
 */
function unblocked(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)
  } catch {
    return fd
  }
}
let stdout = unblocked(1)
const stderr = unblocked(2)
let partial: Buffer | undefined

function put(fd: number, text: string): void {
  try {
    if (partial !== undefined && fd === stdout) {
      const rest = partial.subarray(writeSync(fd, partial))
      partial = rest.length > 0 ? rest : undefined
      if (partial !== undefined) throw new Error('the pipe is full')
    }
    const octets = Buffer.from(text)
    const taken = writeSync(fd, octets)
    if (taken < octets.length && fd === stdout) partial = octets.subarray(taken) // the rest of a line goes out first
  } catch {
    cells[dropped]! += 1
  }
}

/** Opens standard output anew, for tests that replace it. */
export function reopen(): void {
  if (stdout !== 1) closeSync(stdout)
  stdout = unblocked(1)
}
