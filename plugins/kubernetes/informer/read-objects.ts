/**
 * Octets to objects, between queries: drives a JsonSplitter over a response body and gives one parsed object at a time.
 */
import type { JsonSplitter } from './json-splitter.ts'
import { MalformedStream } from './json-splitter.ts'
import type { WorkSlices } from './work-slices.ts'

/**
 * Gives each object of `body` to `take` and lets the event loop run in between.
 * @throws MalformedStream if an object is no JSON, or if the body ends in the middle of one; what the body throws
 */
export async function readObjects(
  body: AsyncIterable<Uint8Array>,
  splitter: JsonSplitter,
  slices: WorkSlices,
  take: (object: unknown) => void,
): Promise<void> {
  for await (const chunk of body) {
    splitter.feed(chunk)
    for (let text = splitter.next(); text !== undefined; text = splitter.next()) {
      take(parse(text))
      if (slices.spent) await slices.pause()
    }
  }
  if (!splitter.complete) throw new MalformedStream('found the end of the stream in the middle of an object')
}

/** @throws MalformedStream */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MalformedStream('found text that is no JSON', { cause })
  }
}
