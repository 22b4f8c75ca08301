/** What values come to: Services, ports, and who scrapes them. */
import { container, kind, testRows } from '../rows.ts'

const METRICS = { name: 'metrics', port: 9153, targetPort: 9153, protocol: 'TCP' }

testRows('service', [
  {
    name: 'the Service',
    values: `
service:
  name: kube-dns
  clusterIPs: [10.96.0.10, 'fd00:10:96::a']
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: RequireDualStack
  trafficDistribution: PreferClose
  internalTrafficPolicy: Cluster
  metrics: true
  portNames: dns
  annotations: {who: me}
  selector: {k8s-app: kube-dns}`,
    want: {
      'Service/kube-dns': {
        metadata: { annotations: { who: 'me' } },
        spec: {
          clusterIPs: ['10.96.0.10', 'fd00:10:96::a'],
          ipFamilies: ['IPv4', 'IPv6'],
          ipFamilyPolicy: 'RequireDualStack',
          trafficDistribution: 'PreferClose',
          internalTrafficPolicy: 'Cluster',
          selector: { 'k8s-app': 'kube-dns' },
          ports: [{ name: 'dns' }, { name: 'dns-tcp' }, METRICS],
        },
      },
    },
  },
  {
    name: 'a Service outside of the cluster',
    values: `
serviceType: LoadBalancer
service: {loadBalancerClass: example.org/lb, externalTrafficPolicy: Local, externalIPs: [192.0.2.1]}`,
    want: {
      'Service/dns-sextant': {
        spec: {
          loadBalancerClass: 'example.org/lb',
          externalTrafficPolicy: 'Local',
          externalIPs: ['192.0.2.1'],
          type: 'LoadBalancer',
        },
      },
    },
  },
  {
    name: 'ports of several servers, each once',
    values: `
serviceType: NodePort
servers:
  - {port: 5300, servicePort: 53, nodePort: 30053, zones: [{zone: a.example, use_tcp: false}], plugins: [{name: whoami}]}
  - {port: 5300, zones: [{zone: b.example, use_tcp: false}], plugins: [{name: whoami}]}
  - {port: 5301, hostPort: 5399, zones: [{zone: c.example}], plugins: [{name: health, parameters: ':9080'}, {name: ready, parameters: '0.0.0.0:9181'}, {name: prometheus, parameters: ':9999'}]}`,
    want: {
      'Service/dns-sextant': {
        spec: {
          ports: [
            { name: 'udp-5300', port: 53, targetPort: 5300, protocol: 'UDP', nodePort: 30053 },
            { name: 'udp-5301', port: 5301, targetPort: 5301, protocol: 'UDP' },
            { name: 'tcp-5301', port: 5301, targetPort: 5301, protocol: 'TCP' },
          ],
        },
      },
      ...container({
        ports: [
          { name: 'udp-5300', containerPort: 5300, protocol: 'UDP' },
          { name: 'udp-5301', containerPort: 5301, protocol: 'UDP', hostPort: 5399 },
          { name: 'tcp-5301', containerPort: 5301, protocol: 'TCP', hostPort: 5399 },
          { name: 'metrics', containerPort: 9999, protocol: 'TCP' },
          { name: 'liveness-probe', containerPort: 9080, protocol: 'TCP' },
          { name: 'readiness-probe', containerPort: 9181, protocol: 'TCP' },
        ],
      }),
    },
  },
  {
    name: 'the Prometheus operator',
    values: `
prometheus:
  service: {enabled: true}
  monitor: {enabled: true, namespace: monitoring, interval: 15s, additionalLabels: {release: prometheus}}
  rules: {enabled: true}
dashboards: {enabled: true, namespace: monitoring}`,
    want: {
      'Service/dns-sextant-metrics': {
        metadata: { labels: { 'app.kubernetes.io/component': 'metrics' } },
        spec: { ports: [METRICS] },
      },
      'ServiceMonitor/dns-sextant': {
        metadata: { namespace: 'monitoring', labels: { release: 'prometheus' } },
        spec: {
          namespaceSelector: { matchNames: ['kube-system'] },
          selector: { matchLabels: { 'app.kubernetes.io/component': 'metrics', 'app.kubernetes.io/instance': 'dns' } },
          endpoints: [{ port: 'metrics', interval: '15s' }],
        },
      },
      ...kind('PrometheusRule/dns-sextant'),
      'ConfigMap/dns-sextant-dashboard': {
        metadata: { namespace: 'monitoring', labels: { grafana_dashboard: '1' } },
      },
    },
  },
  {
    name: "somebody else's Service",
    values: 'service: {enabled: false}\nk8sAppLabelOverride: kube-dns',
    want: {
      'Deployment/dns-sextant': { spec: { template: { metadata: { labels: { 'k8s-app': 'kube-dns' } } } } },
    },
    without: ['Service/dns-sextant'],
  },
])
