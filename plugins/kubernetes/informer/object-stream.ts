/**
 * A response body as a stream of API objects, in whichever of its two forms the API server sends them. Which one that is
 * its content type says: Protocol Buffers for what is built into Kubernetes, JSON for custom resources and from others.
 */
import { JsonSplitter, MalformedStream, type StreamShape } from './json-splitter.ts'
import type { Shape } from './protobuf.ts'
import { PROTOBUF, ProtobufEvents, ProtobufList } from './protobuf-stream.ts'

export interface ListEnvelope {
  readonly kind?: string
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
}

export interface ObjectStream {
  /** Takes the next octets. All objects of the octets before must have been taken. */
  feed(chunk: Uint8Array): void
  /**
   * The next object that is complete; undefined once all octets are used.
   * @throws MalformedStream
   */
  next(): unknown
  /** True if the stream may end here: not in the middle of anything. */
  readonly complete: boolean
  /** Of a list that is complete: what is not items. */
  readonly envelope: ListEnvelope
}

/** What to send as `Accept` for objects of a shape; without one they are to be had as JSON alone. */
export function acceptedTypes(shape: Shape | undefined): string {
  return shape === undefined ? 'application/json' : `${PROTOBUF},application/json`
}

/** Reads a body of this content type; without one, as JSON. Any other type is an error once it is read. */
export function objectStream(contentType: string, stream: StreamShape, shape: Shape | undefined): ObjectStream {
  if (contentType === '' || /^application\/json\b/i.test(contentType)) return new JsonObjects(stream)
  if (shape === undefined || !contentType.startsWith(PROTOBUF)) return new Unreadable(contentType, acceptedTypes(shape))
  return stream === 'events' ? new ProtobufEvents(shape) : new ProtobufList(shape)
}

class JsonObjects implements ObjectStream {
  readonly #splitter: JsonSplitter

  constructor(stream: StreamShape) {
    this.#splitter = new JsonSplitter(stream)
  }

  feed(chunk: Uint8Array): void {
    this.#splitter.feed(chunk)
  }

  next(): unknown {
    const text = this.#splitter.next()
    return text === undefined ? undefined : parse(text)
  }

  get complete(): boolean {
    return this.#splitter.complete
  }

  get envelope(): ListEnvelope {
    return parse(this.#splitter.envelope) as ListEnvelope
  }
}

/** A body of a type that was not asked for. */
class Unreadable implements ObjectStream {
  readonly #text: string

  constructor(found: string, expected: string) {
    this.#text = `found an answer of type "${found}", expected ${expected.replace(',', ' or ')}`
  }

  feed(): void {
    throw new MalformedStream(this.#text)
  }

  next(): undefined {}

  get complete(): boolean {
    throw new MalformedStream(this.#text)
  }

  get envelope(): ListEnvelope {
    throw new MalformedStream(this.#text)
  }
}

/** @throws MalformedStream */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MalformedStream('found text that is no JSON', { cause })
  }
}
