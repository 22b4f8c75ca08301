/** What is wrong in values is an error that says where, before anything reaches a cluster. */
import { equal, match } from 'node:assert/strict'
import { run } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { CHART, fileOf, helm, helmEnvironment, KUBEADM_VALUES, programs } from '../chart.ts'

const server = (fields: string) => `servers: [{plugins: [{name: whoami}], ${fields}}]`

const ROWS: readonly { name: string; values: string; says: RegExp }[] = [
  { name: 'a typo at the top', values: 'replicaCuont: 3', says: /at '': .*'replicaCuont' not allowed/ },
  {
    name: 'a typo below',
    values: 'service: {clusterIp: 10.96.0.10}',
    says: /at '\/service': .*'clusterIp' not allowed/,
  },
  {
    name: 'a typo in a list',
    values: 'servers: [{plugins: [{name: errors}, {name: cache, parameter: 30}]}]',
    says: /at '\/servers\/0\/plugins\/1': .*'parameter' not allowed/,
  },
  {
    name: 'a plugin that is not here',
    values: 'servers: [{plugins: [{name: etcd}]}]',
    says: /at '\/servers\/0\/plugins\/0\/name': value must be one of 'any'/,
  },
  {
    name: 'a transport that is not here',
    values: server('zones: [{scheme: grpc://}]'),
    says: /at '\/servers\/0\/zones\/0\/scheme': value must be one of/,
  },
  {
    name: 'a port that is none',
    values: server('port: 70000'),
    says: /at '\/servers\/0\/port': maximum: got 70,000, want 65,535/,
  },
  { name: 'text for a number', values: 'replicaCount: "3"', says: /at '\/replicaCount': got string, want integer/ },
  {
    name: 'a label that is no text',
    values: 'customLabels: {answer: 42}',
    says: /at '\/customLabels\/answer': got number, want string/,
  },
  { name: 'no server', values: 'servers: []', says: /at '\/servers': minItems: got 0, want 1/ },
  { name: 'the servers taken away', values: 'servers: null', says: /at '': missing property 'servers'/ },
  {
    name: 'a file beside the Corefile that is called the same',
    values: 'zoneFiles: [{filename: Corefile, contents: a}]',
    says: /at '\/zoneFiles\/0\/filename': 'not' failed/,
  },
  {
    name: 'a file in a folder, which no ConfigMap has',
    values: 'zoneFiles: [{filename: a/b, contents: a}]',
    says: /at '\/zoneFiles\/0\/filename': 'a\/b' does not match pattern/,
  },
  {
    name: 'a word that is none of the few',
    values: 'deployment: {dnsPolicy: default}',
    says: /at '\/deployment\/dnsPolicy': value must be one of/,
  },
  {
    name: 'dnsPolicy None without name servers',
    values: 'deployment: {dnsPolicy: None}',
    says: /deployment\.dnsConfig is empty/,
  },
  {
    name: 'two that scale',
    values: 'hpa: {enabled: true}\nautoscaler: {enabled: true}',
    says: /hpa\.enabled and autoscaler\.enabled are both true/,
  },
  {
    name: 'a monitor of no Service',
    values: 'prometheus: {monitor: {enabled: true}}',
    says: /expected prometheus\.service\.enabled or service\.metrics/,
  },
  {
    name: 'a selector that a Service cannot have',
    values: 'deployment: {selector: {matchExpressions: [{key: a, operator: Exists}]}}',
    says: /name service\.selector too/,
  },
]

for (const { name, values, says } of ROWS) {
  test(`mistakes: ${name}`, async () => {
    const { code, stderr } = await helm('template', values)
    match(stderr, says)
    equal(code, 1)
  })
}

test('mistakes: helm lint finds none of ours, nor a template that is not strict', async () => {
  for (const values of [fileOf('podDisruptionBudget: {maxUnavailable: 1}'), KUBEADM_VALUES]) {
    const { code, stdout } = await run(
      programs().helm,
      ['lint', '--strict', CHART, '--values', values],
      helmEnvironment(),
    )
    match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/)
    equal(code, 0, stdout)
  }
})
