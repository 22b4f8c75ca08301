/**
 * Octets to objects, between queries: drives an ObjectStream over a response body and gives one object at a time.
 */

import type { WorkSlices } from '../../../server/work-slices.ts'
import { MalformedStream } from './json-splitter.ts'
import type { ObjectStream } from './object-stream.ts'

/**
 * Gives each object of `octets` to `take` and lets the event loop run in between.
 * @throws MalformedStream if one is broken, or if the octets end in the middle of one; what `octets` throws
 */
export async function readObjects(
  octets: AsyncIterable<Uint8Array>,
  stream: ObjectStream,
  slices: WorkSlices,
  take: (object: unknown) => Promise<void> | void,
): Promise<void> {
  for await (const chunk of octets) {
    stream.feed(chunk)
    for (let object = stream.next(); object !== undefined; object = stream.next()) {
      const taking = take(object)
      if (taking !== undefined) await taking // of most it is done at once
      if (slices.spent) await slices.pause()
    }
  }
  if (!stream.complete) throw new MalformedStream('found the end of the stream in the middle of an object')
}
