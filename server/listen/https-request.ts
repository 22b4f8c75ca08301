/**
 * An HTTP request → the DNS query in it, or the status that refuses it (RFC 8484 §4.1). What is too long is refused by its
 * length, before a single octet of it is decoded. Pure.
 */

export const PATH = '/dns-query'
export const MEDIA_TYPE = 'application/dns-message'
export const METHODS = 'GET, HEAD, POST'
export const MAX_MESSAGE_BYTES = 65_535
/** Base64 characters of a query in a URL: 4,096 octets. Longer ones have POST. */
const MAX_GET_CHARACTERS = 5462

export const STATUS = {
  OK: 200,
  BAD_REQUEST: 400,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONTENT_TOO_LARGE: 413,
  URI_TOO_LONG: 414,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INTERNAL_SERVER_ERROR: 500,
} as const

export interface RequestHead {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly contentType: string | undefined
  readonly contentLength: string | undefined
}

/** In front of the path where HTTP/1.1 names the whole URI, which a server must take (RFC 9112 §3.2.2). */
const ORIGIN = /^https?:\/\/[^/?]*/i

/** The query that a GET brings; undefined where it comes in the body; else the status that refuses the request. */
export function readHead({
  method,
  url: target = '',
  contentType,
  contentLength,
}: RequestHead): Buffer | number | undefined {
  const url = target.replace(ORIGIN, '')
  const mark = url.indexOf('?')
  if ((mark < 0 ? url : url.slice(0, mark)) !== PATH) return STATUS.NOT_FOUND
  if (method === 'GET' || method === 'HEAD') return mark < 0 ? STATUS.BAD_REQUEST : readParameters(url, mark + 1)
  if (method !== 'POST') return STATUS.METHOD_NOT_ALLOWED
  const [type = ''] = (contentType ?? '').split(';', 1)
  if (type.trim().toLowerCase() !== MEDIA_TYPE) return STATUS.UNSUPPORTED_MEDIA_TYPE
  if (contentLength !== undefined && Number(contentLength) > MAX_MESSAGE_BYTES) return STATUS.CONTENT_TOO_LARGE
  return undefined
}

/** The one parameter `dns`, in base64url without padding (RFC 8484 §4.1, §6). Others mean nothing. */
function readParameters(url: string, from: number): Buffer | number {
  let found = -1
  let foundEnd = -1
  for (let at = from; at < url.length; ) {
    const next = url.indexOf('&', at)
    const end = next < 0 ? url.length : next
    if (url.startsWith('dns=', at)) {
      if (found >= 0) return STATUS.BAD_REQUEST
      found = at + 4
      foundEnd = end
    }
    at = end + 1
  }
  const length = foundEnd - found
  if (found < 0 || length === 0) return STATUS.BAD_REQUEST
  if (length > MAX_GET_CHARACTERS) return STATUS.URI_TOO_LONG
  const text = url.slice(found, foundEnd)
  if (length % 4 === 1 || !/^[A-Za-z0-9_-]+$/.test(text)) return STATUS.BAD_REQUEST
  return Buffer.from(text, 'base64url')
}
