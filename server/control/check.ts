/**
 * `sextant check`: everything that a start would say about a Corefile, without opening a socket.
 */
import { plugins } from '../../plugins/index.ts'
import { fatal, plain } from '../log.ts'
import type { Arguments } from './arguments.ts'
import { build } from './build.ts'
import { locate, readConfiguration } from './configuration.ts'

/** Prints all findings. @returns the exit code: 1 if the Corefile would not load */
export function check(args: Arguments, root: string): number {
  try {
    const origin = locate(args.corefile, root)
    const parsed = readConfiguration(origin)
    for (const { file, line, column, message } of parsed.warnings)
      plain(`${file}:${line}:${column}: warning: ${message}`)
    build(parsed, { plugins, port: args.port, reload: async () => false })
    plain(`${origin.file}: ok`)
    return 0
  } catch (cause) {
    fatal(cause instanceof Error ? cause.message : String(cause))
    return 1
  }
}
