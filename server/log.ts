/**
 * Log lines: `[LEVEL] plugin/name: text`, or one JSON object each. Those of one turn of the loop are written in one call
 * at its end. Writing never blocks: whole lines that a reader of the pipe does not take in time are dropped and counted.
 * The main thread writes for all: another one hands its lines over. A leaf.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { cells, counter } from './metrics.ts'
import { withCure } from './permission.ts'

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
export function logFormat(): LogFormat {
  return format
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
  write('WARN', plugin, withCure(text))
}
/** An error line; the stack of `cause` follows if stacks are on. */
export function error(plugin: string | undefined, text: string, cause?: unknown): void {
  const stack = stacksEnabled && cause instanceof Error ? `\n${cause.stack}` : ''
  write('ERROR', plugin, withCure(text + stack))
}
/** The last words of a process that cannot start: to standard error. */
export function fatal(text: string): void {
  const told = withCure(text)
  const line = format === 'json' ? jsonLine('FATAL', undefined, told) : told
  flush()
  try {
    stderr ??= unblocked(2)
    writeSync(stderr, `${line}\n`)
  } catch {
    cells[dropped]! += 1
  }
}
/** A line without level, for what is printed at start. */
export function plain(text: string): void {
  put(format === 'json' ? jsonLine('INFO', undefined, text) : text)
}

function write(level: Level, plugin: string | undefined, text: string, fields?: Record<string, unknown>): void {
  const line =
    format === 'json'
      ? jsonLine(level, plugin, text, fields)
      : `[${level}] ${plugin ? `plugin/${plugin}: ` : ''}${text}`
  put(line)
}

function jsonLine(level: Level, plugin: string | undefined, msg: string, fields?: Record<string, unknown>): string {
  return JSON.stringify({ time: new Date().toISOString(), level, ...(plugin && { plugin }), msg, ...fields })
}

/** Sockets that were made not to block; held, for what lets go of them closes them. */
const sockets: Socket[] = []

/**
 * A descriptor that does not block. A pipe or terminal is opened once more for itself, so that the shell that shares it
 * is not switched to non-blocking. A socket cannot be opened again: it is switched. A file never blocks, and is used as
 * it is, for it alone knows where others write.
 */
function unblocked(fd: number): number {
  try {
    const kind = fstatSync(fd)
    if (kind.isSocket()) sockets.push(new Socket({ fd, readable: false }).unref())
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return fd
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK)
  } catch {
    return fd
  }
}

/** Lines that wait for the end of the turn are written early once they are this long. */
const MAX_WAITING_CHARACTERS = 1 << 15
const NEWLINE = 10

let stdout: number | undefined
let stderr: number | undefined
/** Takes the lines of this thread instead of standard output; false: they are dropped. */
let handOver: ((lines: string) => boolean) | undefined
let waiting = ''
/** The rest of a line that the pipe took in part: it goes out before all others. */
let cut: Buffer | undefined

process.on('exit', flush)

/** Lines of this thread are handed to another one from now on. What waits is handed over with them. */
export function handLinesTo(take: (lines: string) => boolean): void {
  handOver = take
}

/** Writes lines that another thread has handed over, each with its newline. */
export function writeLines(lines: string): void {
  putText(lines)
}

function put(line: string): void {
  putText(`${line}\n`)
}

function putText(lines: string): void {
  if (waiting === '') setImmediate(flush)
  waiting += lines
  if (waiting.length > MAX_WAITING_CHARACTERS) flush()
}

/** Writes now what waits for the end of the turn. */
export function flush(): void {
  if (waiting === '') return
  const lines = waiting
  waiting = ''
  if (handOver !== undefined) {
    if (!handOver(lines)) cells[dropped]! += lines.split('\n').length - 1
    return
  }
  const fresh = Buffer.from(lines)
  const octets = cut === undefined ? fresh : Buffer.concat([cut, fresh])
  const taken = writeSome(octets)
  if (taken === octets.length) {
    cut = undefined
    return
  }
  const isWhole = taken === 0 ? cut === undefined : octets[taken - 1] === NEWLINE
  const end = isWhole ? taken : octets.indexOf(NEWLINE, taken) + 1
  cut = isWhole ? undefined : Buffer.from(octets.subarray(taken, end))
  for (let at = octets.indexOf(NEWLINE, end); at >= 0; at = octets.indexOf(NEWLINE, at + 1)) cells[dropped]! += 1
}

/** How many octets were taken. */
function writeSome(octets: Buffer): number {
  try {
    stdout ??= unblocked(1)
    return writeSync(stdout, octets)
  } catch {
    return 0 // the pipe is full, its reader gone, or the disk full
  }
}
