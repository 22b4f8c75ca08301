{{/* Names, labels and annotations that the objects share. */}}

{{- define "sextant.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "sextant.fullname" -}}
{{- $name := include "sextant.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sextant.deploymentName" -}}
{{- default (include "sextant.fullname" .) .Values.deployment.name -}}
{{- end -}}

{{- define "sextant.serviceName" -}}
{{- default (include "sextant.fullname" .) .Values.service.name -}}
{{- end -}}

{{- define "sextant.serviceAccountName" -}}
{{- $otherwise := .Values.serviceAccount.create | ternary (include "sextant.fullname" .) "default" -}}
{{- default $otherwise .Values.serviceAccount.name -}}
{{- end -}}

{{- define "sextant.clusterRoleName" -}}
{{- default (include "sextant.fullname" .) .Values.clusterRole.nameOverride -}}
{{- end -}}

{{- define "sextant.k8sApp" -}}
{{- default (include "sextant.name" .) .Values.k8sAppLabelOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What tells the pods of this release. */}}
{{- define "sextant.podLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/name: {{ include "sextant.name" . | quote }}
{{- if .Values.isClusterService }}
k8s-app: {{ include "sextant.k8sApp" . | quote }}
{{- end }}
{{- end -}}

{{/* A LabelSelector: that of the Deployment counts for whatever names no other. */}}
{{- define "sextant.selector" -}}
{{- if .Values.deployment.selector -}}
{{- toYaml .Values.deployment.selector -}}
{{- else -}}
matchLabels:
  {{- include "sextant.podLabels" . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* A Service's selector, which is labels alone. */}}
{{- define "sextant.serviceSelector" -}}
{{- $selector := include "sextant.selector" . | fromYaml -}}
{{- toYaml (required "deployment.selector has no matchLabels: name service.selector too" $selector.matchLabels) -}}
{{- end -}}

{{/*
Metadata of an object. root: the chart's context; name; labels, annotations: more of them; suffix: of the names in labels,
so that no selector takes one thing for another; clusterWide: there is no namespace; namespace: another one.
*/}}
{{- define "sextant.metadata" -}}
{{- $values := .root.Values -}}
{{- $suffix := default "" .suffix -}}
{{- $labels := dict
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/name" (printf "%s%s" (include "sextant.name" .root) $suffix)
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
-}}
{{- if $values.isClusterService -}}
{{- $_ := set $labels "k8s-app" (printf "%s%s" (include "sextant.k8sApp" .root) $suffix) -}}
{{- if not $suffix -}}
{{- $_ := set $labels "kubernetes.io/cluster-service" "true" -}}
{{- $_ := set $labels "kubernetes.io/name" "CoreDNS" -}}
{{- end -}}
{{- end -}}
name: {{ .name | quote }}
{{- if not .clusterWide }}
namespace: {{ default .root.Release.Namespace .namespace | quote }}
{{- end }}
labels:
  {{- mergeOverwrite $labels (default dict .labels) (default dict $values.customLabels) | toYaml | nindent 2 }}
{{- with mergeOverwrite dict (default dict $values.customAnnotations) (default dict .annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
