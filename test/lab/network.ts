/**
 * The lab's network: a switch, a router, the world outside behind it, and a network namespace for each node. `ip netns` keeps
 * its names below /run, which is the lab's own; the namespaces go with the last process of the lab.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../harness/process.ts'
import { type, typeAll } from './administrator.ts'
import { Daemon } from './daemon.ts'
import { PEER_PAGE } from './images.ts'
import { CONTROL_IP, NAT_IP, NODES, OUTSIDE_ZONE, ROUTER_IP, STATE, UPSTREAM_IP, WEB_OUTSIDE_IP } from './place.ts'

export async function createNetwork(): Promise<void> {
  // A fixed address: a bridge takes that of its lowest port otherwise, and neighbours would write to the one before.
  await typeAll(`
    ip link set lo up
    ip link add switch address 02:00:00:00:00:01 type bridge
    ip addr add ${CONTROL_IP}/24 dev switch
    ip link set switch up
  `)
  await attach('router', ROUTER_IP)
  await typeAll(`
    ip netns add outside
    ip -n router link add eth1 type veth peer name eth0 netns outside
    ip -n router addr add ${NAT_IP}/24 dev eth1
    ip -n router link set eth1 up
    ip -n outside link set lo up
    ip -n outside addr add ${UPSTREAM_IP}/24 dev eth0
    ip -n outside addr add ${WEB_OUTSIDE_IP}/24 dev eth0
    ip -n outside link set eth0 up
    ip netns exec router sysctl -qw net.ipv4.ip_forward=1
    ip netns exec router iptables -t nat -A POSTROUTING -o eth1 -j MASQUERADE
    ip route add default via ${ROUTER_IP}
  `)
  for (const { name, ip } of NODES) {
    await attach(name, ip)
    await typeAll(`
      ip -n ${name} route add default via ${ROUTER_IP}
      ip netns exec ${name} sysctl -qw net.ipv4.ip_forward=1
      ip netns exec ${name} sysctl -qw net.bridge.bridge-nf-call-iptables=1
    `)
  }
}

/** A namespace with a cable to the switch. */
async function attach(name: string, ip: string): Promise<void> {
  await typeAll(`
    ip netns add ${name}
    ip link add ${name} type veth peer name eth0 netns ${name}
    ip link set ${name} master switch up
    ip -n ${name} link set lo up
    ip -n ${name} addr add ${ip}/24 dev eth0
    ip -n ${name} link set eth0 up
  `)
}

/** Everyone on the switch learns at which node the pods of a subnet are. */
export async function routePods(podCIDRs: ReadonlyMap<string, string>): Promise<void> {
  for (const { name, ip } of NODES) {
    const subnet = podCIDRs.get(name)!
    await type(`ip route add ${subnet} via ${ip}`)
    for (const other of ['router', ...NODES.map(node => node.name)]) {
      if (other !== name) await type(`ip -n ${other} route add ${subnet} via ${ip}`)
    }
  }
}

/** The name server outside, with its own zone and nothing else in the world, and a web page that tells from which address it was asked. */
export async function startOutside(busybox: string): Promise<void> {
  const dir = join(STATE, 'outside')
  mkdirSync(join(dir, 'www/cgi-bin'), { recursive: true })
  const config = join(dir, 'unbound.conf')
  writeFileSync(config, unboundConfig(dir))
  writeFileSync(join(dir, 'www/cgi-bin/peer'), PEER_PAGE, { mode: 0o755 })
  const unbound = new Daemon('unbound', 'ip', ['netns', 'exec', 'outside', 'unbound', '-d', '-c', config])
  const question = ['netns', 'exec', 'outside', 'dig', '+short', '+tries=1', `@${UPSTREAM_IP}`, `www.${OUTSIDE_ZONE}`]
  await unbound.until('the name server outside', 20_000, async () => {
    if ((await must('ip', question)).trim() !== WEB_OUTSIDE_IP) throw new Error('it does not know its zone')
  })
  const page = ['httpd', '-f', '-p', `${WEB_OUTSIDE_IP}:80`, '-h', join(dir, 'www')]
  new Daemon('web-outside', 'ip', ['netns', 'exec', 'outside', busybox, ...page])
}

function unboundConfig(dir: string): string {
  return `server:
  interface: ${UPSTREAM_IP}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "${dir}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  local-zone: "." static
  local-zone: "${OUTSIDE_ZONE}." static
  local-data: "${OUTSIDE_ZONE}. 300 IN SOA ns.${OUTSIDE_ZONE}. hostmaster.${OUTSIDE_ZONE}. 1 7200 1800 86400 60"
  local-data: "ns.${OUTSIDE_ZONE}. 300 IN A ${UPSTREAM_IP}"
  local-data: "www.${OUTSIDE_ZONE}. 300 IN A ${WEB_OUTSIDE_IP}"
  local-data: "shadowed.${OUTSIDE_ZONE}. 300 IN A ${WEB_OUTSIDE_IP}"
  local-data-ptr: "${WEB_OUTSIDE_IP} www.${OUTSIDE_ZONE}."
`
}
