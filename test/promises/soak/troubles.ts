/** What happens to a server in a soak, each for as long as one stretch of it takes. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../../../bench/messages.ts'
import { readCorpus } from '../../fuzz/corpus.ts'
import { Mutator } from '../../fuzz/mutate.ts'
import { framed } from '../../harness/frames.ts'
import { Random } from '../../parity/random.ts'
import { end, type Flooder, openMany } from '../connections.ts'
import type { World } from './world.ts'

export interface Trouble {
  readonly name: string
  /** Makes it until `isOver`, then puts things right again. Resolves to what it did, in a few words. */
  readonly make: (world: World, isOver: () => boolean) => Promise<string>
}

const TICK_MS = 20

/** Calls `act` so many times a second. Resolves to how many times it was. */
async function paced(perSecond: number, isOver: () => boolean, act: (nth: number) => unknown): Promise<number> {
  const startMs = performance.now()
  let done = 0
  while (!isOver()) {
    const due = ((performance.now() - startMs) / 1000) * perSecond
    while (done < due && !isOver()) await act(done++)
    await pause(TICK_MS)
  }
  return done
}

/** Sends a message so many times a second from one socket; what comes back is not looked at. */
async function sendPaced(
  world: World,
  perSecond: number,
  isOver: () => boolean,
  make: () => Uint8Array,
): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', () => {})
  socket.connect(world.subject.port, '127.0.0.1')
  await once(socket, 'connect')
  try {
    return `${await paced(perSecond, isOver, () => socket.send(make()))} messages`
  } finally {
    socket.close()
  }
}

/** Opens so many connections, again and again when all are closed, and does `begin` with each. */
async function keepConnections(
  { subject }: World,
  count: number,
  isOver: () => boolean,
  begin?: (flooder: Flooder) => void,
): Promise<string> {
  let made = 0
  while (!isOver()) {
    const flooders = await openMany(subject, count, begin)
    made += count
    while (!isOver() && flooders.some(({ closedMs }) => closedMs === 0)) await pause(TICK_MS)
    end(flooders)
  }
  return `${made} connections`
}

let names = 0

/** A name outside of the cluster that nobody asked for before. */
function newName(): Uint8Array {
  return messageOf({ name: `${process.pid}-${(names++).toString(36)}.example`, type: 'A' }, 1232)
}

const calm: Trouble = {
  name: 'calm',
  async make(_, isOver) {
    while (!isOver()) await pause(TICK_MS)
    return 'nothing'
  },
}

const reloads: Trouble = {
  name: 'reloads, every third invalid',
  async make({ subject, corefile }, isOver) {
    const done = await paced(4, isOver, nth => {
      subject.writeCorefile(nth % 3 === 2 ? '. {\n  forwards\n' : corefile(30 + (nth % 2)))
      subject.child.signal('SIGUSR1')
    })
    subject.writeCorefile(corefile(30))
    subject.child.signal('SIGUSR1')
    return `${done} reloads`
  },
}

const relists: Trouble = {
  name: 'API server restarts',
  async make({ api }, isOver) {
    let restarts = 0
    while (!isOver()) {
      await api.stop()
      await api.start()
      restarts++
      for (let i = 0; i < 250 && !isOver(); i++) await pause(TICK_MS)
    }
    return `${restarts} restarts`
  },
}

const outage: Trouble = {
  name: 'API server away',
  async make({ api }, isOver) {
    await api.stop()
    while (!isOver()) await pause(TICK_MS)
    await api.start()
    return 'away'
  },
}

const changes: Trouble = {
  name: 'changes, 200 a second',
  make: async ({ api }, isOver) => `${await paced(200, isOver, nth => api.move(nth * 13))} changes`,
}

const newNames: Trouble = {
  name: 'new names, 2,000 a second',
  make: (world, isOver) => sendPaced(world, 2000, isOver, newName),
}

const silentUpstream: Trouble = {
  name: 'a silent upstream, 2,000 new names a second',
  async make(world, isOver) {
    world.upstream.isSilent = true
    try {
      return await sendPaced(world, 2000, isOver, newName)
    } finally {
      world.upstream.isSilent = false
    }
  },
}

const silentConnections: Trouble = {
  name: '1,000 silent connections',
  make: (world, isOver) => keepConnections(world, 1000, isOver),
}

const deafConnections: Trouble = {
  name: '100 connections that ask and never read',
  make: (world, isOver) =>
    keepConnections(world, 100, isOver, ({ socket }) => {
      const question = messageOf({ name: 'dns-version.cluster.local', type: 'TXT' })
      socket.pause()
      socket.write(framed(...Array.from({ length: 5000 }, () => question)))
    }),
}

const seeds = readCorpus({ name: 'message', isText: false })
const random = new Random(1)
const mutator = new Mutator(random, [], 4096)

const mutatedMessages: Trouble = {
  name: 'mutated messages, 2,000 a second',
  make: (world, isOver) =>
    sendPaced(world, 2000, isOver, () => mutator.mutate(random.one(seeds).octets, random.one(seeds).octets)),
}

/** In the order that a soak has them, again and again. */
export const TROUBLES: readonly Trouble[] = [
  calm,
  reloads,
  relists,
  changes,
  newNames,
  silentUpstream,
  silentConnections,
  deafConnections,
  mutatedMessages,
  outage,
]
