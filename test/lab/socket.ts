/** How commands find the lab that is up: an abstract socket, which leaves no file and goes with its process. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export const SOCKET = '\0sextant-lab'
/** The last line of a start that came to its end. */
export const UP = 'the lab is up'
/** There is one of a machine, as there is one of its name. */
export const UP_ALREADY = 'a lab is up already: npm run lab -- down'

export interface Lab {
  /** Of process 1 of the lab, as this machine counts. */
  pid: number
  isUp: boolean
  socket: Socket
}

/** Undefined: there is no lab. The caller ends the socket. */
export async function findLab(): Promise<Lab | undefined> {
  const socket = connect(SOCKET)
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  const [data] = (await once(socket, 'data')) as [Buffer]
  return { ...(JSON.parse(data.toString()) as { pid: number; isUp: boolean }), socket }
}
