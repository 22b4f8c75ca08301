/**
 * Orders of the records of a section: by rank, and at random within a rank. The composition is reordered, never the
 * memory that it points to.
 */
import { type Answer, Section } from '../../server/plugin.ts'
import { random } from '../../server/random.ts'
import { TYPE } from '../../server/wire/codes.ts'
import type { Image } from '../../server/wire/image.ts'

/** Up to this many records one random number gives every order the same chance; longer runs are rotated. */
const MAX_SHUFFLED = 8 // 8! = 40,320, far below 2^31

/** Lower ranks come first. */
export type Rank = (section: Section, i: number) => number

const OTHER = 1
const ADDRESS = 2
const EXCHANGE = 3

/** Aliases, what is neither address nor exchange, addresses, exchanges. */
export const byKind: Rank = (section, i) => {
  switch (section.type[i]) {
    case TYPE.CNAME:
      return 0
    case TYPE.A:
    case TYPE.AAAA:
      return ADDRESS
    case TYPE.MX:
      return EXCHANGE
    default:
      return OTHER
  }
}

/** Puts the records of a section in order by kind, addresses and exchanges at random. */
export function shuffleSection(section: Section): void {
  const { count } = section
  if (count < 2) return
  if (isAddressSet(section)) {
    mix(section, 0, count, swapData)
    return
  }
  sortByRank(section, byKind)
  let addresses = 0
  while (addresses < count && byKind(section, addresses) < ADDRESS) addresses++
  let exchanges = addresses
  while (exchanges < count && byKind(section, exchanges) < EXCHANGE) exchanges++
  mix(section, addresses, exchanges, swapRecords)
  mix(section, exchanges, count, swapRecords)
}

/**
 * The same for an answer that is an image: true if it could be done with the records where they are, in the answer's own
 * copy of them.
 */
export function shuffleImage(a: Answer): boolean {
  if (!a.isImage || !a.image.isPlain) return false
  mix(a.image, 0, a.image.addresses, swapAddresses)
  return true
}

/** True for addresses of one family, owner and TTL: they differ in their data alone. */
function isAddressSet({ count, owner, ownerAt, type, ttl }: Section): boolean {
  if (type[0] !== TYPE.A && type[0] !== TYPE.AAAA) return false
  for (let i = 1; i < count; i++) {
    if (type[i] !== type[0] || ttl[i] !== ttl[0] || owner[i] !== owner[0] || ownerAt[i] !== ownerAt[0]) return false
  }
  return true
}

const held = new Section()

/** Sorts by rank; those of one rank keep their order. Nothing moves where the order is right already. */
export function sortByRank(section: Section, rank: Rank): void {
  let highest = 0
  let sorted = true
  for (let i = 0; i < section.count; i++) {
    const of = rank(section, i)
    if (of < highest) sorted = false
    else highest = of
  }
  if (sorted) return
  held.count = 0
  for (let i = 0; i < section.count; i++) held.addFrom(section, i)
  section.count = 0
  for (let wanted = 0; wanted <= highest; wanted++) {
    for (let i = 0; i < held.count; i++) if (rank(held, i) === wanted) section.addFrom(held, i)
  }
}

type Swap<Of> = (of: Of, i: number, j: number) => void

function swapAddresses(image: Image, i: number, j: number): void {
  image.swapAddresses(i, j)
}

function swapRecords(section: Section, i: number, j: number): void {
  section.swap(i, j)
}

function swapData({ data, dataAt }: Section, i: number, j: number): void {
  const heldData = data[i]!
  data[i] = data[j]!
  data[j] = heldData
  const heldAt = dataAt[i]!
  dataAt[i] = dataAt[j]!
  dataAt[j] = heldAt
}

/** Random order of the records `from` up to `to`: each is first with the same chance. */
function mix<Of>(of: Of, from: number, to: number, swap: Swap<Of>): void {
  const count = to - from
  if (count < 2) return
  let number = random() >>> 1 // 31 bits: what divides fastest
  if (count > MAX_SHUFFLED) rotate(of, from, to, number % count, swap)
  else {
    for (let left = count; left > 1; left--) {
      swap(of, from + left - 1, from + (number % left))
      number = (number / left) >>> 0
    }
  }
}

/** Brings the record `by` places behind `from` to the front, the others following in turn. */
function rotate<Of>(of: Of, from: number, to: number, by: number, swap: Swap<Of>): void {
  reverse(of, from, from + by, swap)
  reverse(of, from + by, to, swap)
  reverse(of, from, to, swap)
}

function reverse<Of>(of: Of, from: number, to: number, swap: Swap<Of>): void {
  for (let i = from, j = to - 1; i < j; i++, j--) swap(of, i, j)
}
