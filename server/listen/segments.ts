/**
 * UDP_SEGMENT (Linux 4.18): one message to the kernel that leaves as many datagrams of one length. It passes the network
 * stack once, which is where the time goes. What says so is control data; whether it is taken, both who send find out here.
 *
 *   cmsghdr   length 8 | level 4 | type 4 | octets of a segment 2      (64-bit Linux)
 */

export const SEGMENT_CONTROL_BYTES = 24 // with its padding
const CONTROL_LENGTH = 18
const SOL_UDP = 17
const UDP_SEGMENT = 103
/** What a kernel, or a device that has no checksums of its own, says to it: EIO, EINVAL, EMSGSIZE, EOPNOTSUPP. */
const REFUSALS: ReadonlySet<number> = new Set([5, 22, 90, 95])

let isRefused = false

/** True while the kernel takes segments, as far as is known. */
export function canSegment(): boolean {
  return !isRefused
}

/** Takes the errno of a send that had segments. True if there are to be none from now on. */
export function refuseSegments(errno: number): boolean {
  if (REFUSALS.has(errno)) isRefused = true
  return isRefused
}

/** Writes the control data for segments of so many octets at word `at`. */
export function writeSegmentControl(words: Uint32Array, at: number, octets: number): void {
  words[at] = CONTROL_LENGTH
  words[at + 1] = 0
  words[at + 2] = SOL_UDP
  words[at + 3] = UDP_SEGMENT
  words[at + 4] = octets
}
