/**
 * Paths of the values that CoreDNS's chart 1.46.2 knows; what is free in form below them is not taken apart. Left out is
 * `rbac.pspEnable`: PodSecurityPolicies are gone.
 */
export const COREDNS_CHART_VALUES: readonly string[] = (
  'affinity automountServiceAccountToken autoscaler.affinity autoscaler.configmap.annotations ' +
  'autoscaler.coresPerReplica autoscaler.customFlags autoscaler.enabled autoscaler.extraContainers ' +
  'autoscaler.image.pullPolicy autoscaler.image.pullSecrets autoscaler.image.repository autoscaler.image.tag ' +
  'autoscaler.includeUnschedulableNodes autoscaler.livenessProbe.enabled ' +
  'autoscaler.livenessProbe.failureThreshold autoscaler.livenessProbe.initialDelaySeconds ' +
  'autoscaler.livenessProbe.periodSeconds autoscaler.livenessProbe.successThreshold ' +
  'autoscaler.livenessProbe.timeoutSeconds autoscaler.max autoscaler.min autoscaler.nodeSelector ' +
  'autoscaler.nodesPerReplica autoscaler.podAnnotations autoscaler.podSecurityContext ' +
  'autoscaler.preventSinglePointFailure autoscaler.priorityClassName autoscaler.resources ' +
  'autoscaler.securityContext autoscaler.tolerations clusterRole.nameOverride customAnnotations customLabels ' +
  'deployment.annotations deployment.dnsConfig deployment.dnsPolicy deployment.enabled deployment.name ' +
  'deployment.selector deployment.skipConfig env extraConfig extraContainers extraSecrets ' +
  'extraSecrets[].defaultMode extraSecrets[].mountPath extraSecrets[].name extraVolumeMounts extraVolumes ' +
  'fullnameOverride hpa.behavior hpa.enabled hpa.maxReplicas hpa.metrics hpa.minReplicas image.pullPolicy ' +
  'image.pullSecrets image.repository image.tag initContainers isClusterService k8sAppLabelOverride ' +
  'livenessProbe.enabled livenessProbe.failureThreshold livenessProbe.initialDelaySeconds ' +
  'livenessProbe.periodSeconds livenessProbe.successThreshold livenessProbe.timeoutSeconds nameOverride ' +
  'nodeSelector podAnnotations podDisruptionBudget podLabels podSecurityContext priorityClassName ' +
  'prometheus.monitor.additionalLabels prometheus.monitor.enabled prometheus.monitor.honorLabels ' +
  'prometheus.monitor.interval prometheus.monitor.metricRelabelings prometheus.monitor.namespace ' +
  'prometheus.monitor.relabelings prometheus.monitor.scheme prometheus.monitor.scrapeTimeout ' +
  'prometheus.monitor.selector prometheus.monitor.tlsConfig prometheus.service.annotations ' +
  'prometheus.service.enabled prometheus.service.selector rbac.create rbac.multiclusterEnable ' +
  'readinessProbe.enabled readinessProbe.failureThreshold readinessProbe.initialDelaySeconds ' +
  'readinessProbe.periodSeconds readinessProbe.successThreshold readinessProbe.timeoutSeconds replicaCount ' +
  'resources rollingUpdate.maxSurge rollingUpdate.maxUnavailable securityContext servers[].hostPort ' +
  'servers[].nodePort servers[].plugins[].configBlock servers[].plugins[].name servers[].plugins[].parameters ' +
  'servers[].port servers[].servicePort servers[].zones[].scheme servers[].zones[].use_tcp ' +
  'servers[].zones[].zone service.annotations service.clusterIP service.clusterIPs service.externalIPs ' +
  'service.externalTrafficPolicy service.ipFamilyPolicy service.loadBalancerClass service.loadBalancerIP ' +
  'service.name service.selector service.trafficDistribution serviceAccount.annotations serviceAccount.create ' +
  'serviceAccount.name serviceType terminationGracePeriodSeconds tolerations topologySpreadConstraints ' +
  'zoneFiles zoneFiles[].contents zoneFiles[].domain zoneFiles[].filename'
).split(' ')
