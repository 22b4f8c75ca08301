/** Where the lab's parts are: addresses as docs show them, and the folders in its own /run, which goes when it goes. */
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')
/** A tmpfs of the lab's mount namespace. */
export const STATE = '/run/sextant-lab'
export const KUBECONFIG = join(STATE, 'admin.kubeconfig')
export const IMAGES = join(STATE, 'images')
export const LOGS = join(STATE, 'logs')
export const DAEMONS = join(STATE, 'daemons')

/** The switch's own address, on which the control plane listens. */
export const CONTROL_IP = '192.168.50.10'
export const ROUTER_IP = '192.168.50.1'
export const NODES = [
  { name: 'node-1', ip: '192.168.50.11' },
  { name: 'node-2', ip: '192.168.50.12' },
] as const

export const POD_RANGE = '10.244.0.0/16'
export const SERVICE_RANGE = '10.96.0.0/12'
export const DNS_IP = '10.96.0.10'
/** Where the servers of the node-local role listen, each on its node. */
export const NODE_LOCAL_IP = '169.254.20.10'

/** What the world outside sees of the cluster. */
export const NAT_IP = '203.0.113.1'
export const UPSTREAM_IP = '203.0.113.53'
export const WEB_OUTSIDE_IP = '203.0.113.80'
export const OUTSIDE_ZONE = 'outside.example'
