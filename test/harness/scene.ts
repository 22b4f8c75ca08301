import { Child, type Output, run } from './process.ts'
import { temporaryFolder } from './server.ts'

export const root = `${import.meta.dirname}/../..`
export const node = process.execPath
const bundle = temporaryFolder()
export const main = `${bundle.path}/sextant.cjs`
export const START_MS = 20_000
export const END_MS = 20_000

/** Makes the bundle. @throws what the build printed */
export async function makeBundle(): Promise<void> {
  const { code, stderr } = await run(node, [`${root}/build.ts`, bundle.path])
  if (code !== 0) throw new Error(stderr)
}
export function removeBundle(): void {
  bundle.remove()
}

const { npm_execpath: _, npm_command: __, NODE_OPTIONS: ___, ...rest } = process.env
export const env: NodeJS.ProcessEnv = rest

/** Runs it to its end. */
export function sextant(...args: string[]): Promise<Output> {
  return run(node, [main, ...args], env, START_MS)
}

export interface Scene {
  readonly folder: ReturnType<typeof temporaryFolder>
  /** Starts a server on this Corefile and waits until it serves. */
  start(corefile: string, ...args: string[]): Promise<Child & { port: number }>
}

export interface SceneOptions {
  readonly variables?: NodeJS.ProcessEnv
  /** Code that runs in the process before the server does. */
  readonly preload?: string
}

export async function scene(
  task: (scene: Scene) => Promise<void>,
  { variables, preload }: SceneOptions = {},
): Promise<void> {
  const folder = temporaryFolder()
  const children: Child[] = []
  try {
    await task({
      folder,
      async start(corefile, ...args) {
        const file = folder.write('Corefile', corefile)
        const before = preload === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
        const words = [...before, main, '-conf', file, '-dns.port', '0', ...args]
        const child = new Child('sextant', node, words, { ...env, ...variables })
        children.push(child)
        await child.line(/^(Sextant-|\{.*Sextant-)/, START_MS)
        const [, port] = /:(\d+) on 127\.0\.0\.1/.exec(child.lines.join('\n')) ?? []
        return Object.assign(child, { port: Number(port) })
      },
    })
  } finally {
    for (const child of children) await child.stop('SIGKILL')
    folder.remove()
  }
}

export const WHOAMI = '. {\n    bind 127.0.0.1\n    whoami\n}\n'
export const LAMEDUCK =
  '. {\n    bind 127.0.0.1\n    whoami\n    health 127.0.0.1:0 {\n        lameduck 60s\n    }\n}\n'
