/** Lists that take long: before they begin, and from object to object. What is known is answered until they are done. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { FakeRequest } from '../../../harness/fake-api-server.ts'
import { TroubleWorld } from './world.ts'

const test = suite('trouble: slow lists')

const isList = ({ verb, isStreamingList }: FakeRequest) => isStreamingList || verb === 'list'

/** Only a list helps from here on. */
function forget({ server }: TroubleWorld): void {
  server.version++
  server.compact()
  server.cut()
}

for (const pages of [false, true]) {
  const shape = pages ? 'in pages' : 'streaming'

  test(`${shape}: thirty seconds until they begin`, () =>
    TroubleWorld.run(
      async world => {
        const { server, clock } = world
        await world.pass(60_000)
        server.hold = request =>
          isList(request) ? new Promise(resolve => clock.after(30_000, () => resolve())) : undefined
        forget(world)
        world.changeMeanwhile()
        // Slower than an API server that is well, and done all the same; one that is refused first takes as long again.
        await world.converges(pages ? 65_000 : 35_000)
        assert.equal(world.logged, [])
      },
      { pages },
    ))

  test(`${shape}: nothing for ten minutes, then well`, () =>
    TroubleWorld.run(
      async world => {
        const { server } = world
        await world.pass(60_000)
        let well = () => {}
        const wellness = new Promise<void>(resolve => (well = resolve))
        server.hold = request => (isList(request) ? wellness : undefined)
        forget(world)
        await world.pass(600_000)
        server.hold = () => undefined
        well()
        world.changeMeanwhile()
        await world.converges()
        const troubles = world.logged.filter(line => line.startsWith('warn'))
        assert.ok(troubles.length > 0 && troubles.length <= 3, world.logged.join('\n'))
      },
      { pages },
    ))

  test(`${shape}: an object each ten seconds`, () =>
    TroubleWorld.run(
      async world => {
        const { server, clock } = world
        await world.pass(60_000)
        server.body = request => {
          if (!isList(request) || (pages && request.isStreamingList)) return undefined
          return trickle(server.objects(request.path), pages, server.version, () => {
            return new Promise(resolve => clock.after(10_000, () => resolve()))
          })
        }
        server.version++
        server.compact()
        world.changeMeanwhile()
        server.compact()
        server.cut()
        await world.converges(120_000)
        assert.equal(world.logged, [])
      },
      { pages },
    ))
}

async function* trickle(
  objects: readonly unknown[],
  pages: boolean,
  version: number,
  pause: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const metadata = { resourceVersion: `${version}`, annotations: { 'k8s.io/initial-events-end': 'true' } }
  if (pages) yield Buffer.from(`{"kind":"List","metadata":{"resourceVersion":"${version}"},"items":[`)
  for (const [i, object] of objects.entries()) {
    const item = `${i > 0 ? ',' : ''}${JSON.stringify(object)}`
    yield Buffer.from(pages ? item : `${JSON.stringify({ type: 'ADDED', object })}\n`)
    await pause()
  }
  yield Buffer.from(pages ? ']}' : `${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`)
}

test.run()
