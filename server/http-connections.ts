/**
 * The connections of one HTTP server, so many at most: who comes then takes the place of the oldest connection of the
 * address that has the most. A client that holds many keeps neither the kubelet nor Prometheus out. A leaf.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { cells, counter, gauge } from './metrics.ts'

const open = gauge('sextant_http_connections', 'Open connections to HTTP endpoints.', 'address')
const closed = counter(
  'sextant_http_closed_total',
  'Connections to HTTP endpoints that made room for others.',
  'address',
)

/** `address` is the metric label. */
export function limitConnections(server: Server, address: string, most: number): void {
  const openCell = open.cell(address)
  const closedCell = closed(address)
  /** With the client's address, the oldest first. */
  const connections = new Map<Socket, string>()
  server.on('connection', socket => {
    connections.set(socket, socket.remoteAddress ?? '')
    cells[openCell]! += 1
    socket.once('close', () => {
      connections.delete(socket)
      cells[openCell]! -= 1
    })
    if (connections.size <= most) return
    cells[closedCell]! += 1
    const greediest = commonest([...connections.values()])
    for (const [other, from] of connections) {
      if (from !== greediest) continue
      connections.delete(other)
      other.destroy()
      return
    }
  })
}

/** The value that stands there most often. */
function commonest(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return values.find(value => counts.get(value) === most)
}
