/** The configuration files of a node's three daemons, as they stand in its /etc. */
import { cgroupOf } from './cgroups.ts'
import { PAUSE } from './images.ts'
import { DNS_IP, POD_RANGE } from './place.ts'

export function containerdConfig(cniBinaries: string): string {
  return `version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/${PAUSE}"
  # Without CAP_SYS_RESOURCE no process may lower its own score.
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${cniBinaries}"
  conf_dir = "/etc/cni/net.d"
`
}

export function kubeletConfig(node: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    clusterDNS: [DNS_IP],
    clusterDomain: 'cluster.local',
    resolvConf: '/etc/resolv.conf',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: '/etc/kubernetes/ca.crt' } },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    cgroupRoot: cgroupOf(node),
    failSwapOn: false,
    // With version 1 it is so anyway: the kernel ends the process that wants memory, not its container.
    singleProcessOOMKill: true,
    oomScoreAdj: 0,
    // Its disk is memory, and has nothing to be collected.
    localStorageCapacityIsolation: false,
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '50Mi' },
    // Reads ConfigMaps again with each sync of a pod: after 60 to 90 s otherwise.
    syncFrequency: '10s',
    fileCheckFrequency: '10s',
  }
}

export function kubeProxyConfig(node: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: POD_RANGE,
    clientConnection: { kubeconfig: '/etc/kubernetes/kube-proxy.kubeconfig' },
    hostnameOverride: node,
    oomScoreAdj: 0,
    // Limits of the whole machine, which are not the lab's to set.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
}
