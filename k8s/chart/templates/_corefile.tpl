{{/* The Corefile, and what the rest of the chart reads from the same values. */}}

{{/* CoreDNS's own notation: [scheme://]zone[:port] for each zone, and a directive for each plugin. */}}
{{- define "sextant.corefile" -}}
{{- range $name, $line := .Values.extraConfig -}}
{{- $name }}{{ with $line.parameters }} {{ . }}{{ end }}
{{ end -}}
{{- range $server := .Values.servers -}}
{{- $keys := list -}}
{{- $port := "" -}}
{{- with $server.port -}}
{{- $port = printf ":%d" (int .) -}}
{{- end -}}
{{- range default (list dict) $server.zones -}}
{{- $keys = append $keys (printf "%s%s%s" (default "" .scheme) (default "." .zone) $port) -}}
{{- end -}}
{{- join " " $keys }} {
{{- range $server.plugins }}
    {{ .name }}{{ if not (kindIs "invalid" .parameters) }} {{ .parameters }}{{ end }}
    {{- with .configBlock }} {
        {{- . | trim | nindent 8 }}
    }
    {{- end }}
{{- end }}
}
{{ end -}}
{{- end -}}

{{/* Port of the address that a plugin has for parameters. root; plugin; port: what it is without one. */}}
{{- define "sextant.pluginPort" -}}
{{- $port := .port -}}
{{- range .root.Values.servers -}}
{{- range .plugins -}}
{{- if eq .name $.plugin -}}
{{- with regexFind ":[0-9]+$" (toString .parameters | trim) -}}
{{- $port = trimPrefix ":" . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $port -}}
{{- end -}}

{{- define "sextant.metricsPort" -}}
{{- include "sextant.pluginPort" (dict "root" . "plugin" "prometheus" "port" "9153") -}}
{{- end -}}

{{- define "sextant.hasPlugin" -}}
{{- range .root.Values.servers -}}
{{- range .plugins -}}
{{- if eq .name $.plugin }}true{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The ports that servers listen on (tls:// and https:// over TCP alone), as JSON: {"ports": [{port, servicePort, protocol, name, nodePort, hostPort}]}. Names are
`udp-PORT` and `tcp-PORT`; with service.portNames `dns` port 53 is called `dns` and `dns-tcp`.
*/}}
{{- define "sextant.ports" -}}
{{- $found := dict -}}
{{- range $server := .Values.servers -}}
{{- $port := $server.port | default 53 | int -}}
{{- $key := printf "%05d" $port -}}
{{- $entry := get $found $key | default (dict "port" $port "servicePort" $port "tcp" false "udp" false) -}}
{{- range default (list dict) $server.zones -}}
{{- $isPlain := has (.scheme | default "dns://") (list "dns://") -}}
{{- if $isPlain -}}
{{- $_ := set $entry "udp" true -}}
{{- end -}}
{{- if or (not $isPlain) (not (hasKey . "use_tcp")) .use_tcp -}}
{{- $_ := set $entry "tcp" true -}}
{{- end -}}
{{- end -}}
{{- range $name := list "servicePort" "nodePort" "hostPort" -}}
{{- with get $server $name -}}
{{- $_ := set $entry $name (int .) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $found $key $entry -}}
{{- end -}}
{{- $ports := list -}}
{{- range $key := keys $found | sortAlpha -}}
{{- $entry := get $found $key -}}
{{- $isDns := and (eq (int $entry.port) 53) (eq $.Values.service.portNames "dns") -}}
{{- $udp := $isDns | ternary "dns" (printf "udp-%d" (int $entry.port)) -}}
{{- if $entry.udp -}}
{{- $ports = append $ports (merge (dict "protocol" "UDP" "name" $udp) (omit $entry "tcp" "udp")) -}}
{{- end -}}
{{- if $entry.tcp -}}
{{- $tcp := $isDns | ternary "dns-tcp" (printf "tcp-%d" (int $entry.port)) -}}
{{- $ports = append $ports (merge (dict "protocol" "TCP" "name" $tcp) (omit $entry "tcp" "udp")) -}}
{{- end -}}
{{- end -}}
{{- dict "ports" $ports | toJson -}}
{{- end -}}

{{/* A probe: what the values say, but whether it is enabled. probe; path; port. */}}
{{- define "sextant.probe" -}}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
  scheme: HTTP
{{ omit .probe "enabled" | toYaml }}
{{- end -}}
