{{/* What is computed from the backends: the controller's configuration, and how many may run. */}}

{{/* Folder of the configuration, and of tokens and certificates below it. */}}
{{- define "nvmetcp-csi.configDir" -}}
/etc/nvmetcp-csi
{{- end }}

{{/* config.json. The order of keys is fixed, so that the same values give the same text. */}}
{{- define "nvmetcp-csi.config" -}}
{{- $dir := include "nvmetcp-csi.configDir" . -}}
{{- $backends := list -}}
{{- range .Values.backends -}}
{{- $one := dict "name" .name "type" (default "linux" .type) -}}
{{- with .url }}{{ $_ := set $one "url" . }}{{ end -}}
{{- with .pool }}{{ $_ := set $one "pool" . }}{{ end -}}
{{- with .aliases }}{{ $_ := set $one "aliases" . }}{{ end -}}
{{- with .topology }}{{ $_ := set $one "topology" . }}{{ end -}}
{{- with .pools }}{{ $_ := set $one "pools" (join "," .) }}{{ end -}}
{{- with .portals }}{{ $_ := set $one "portals" (join "," .) }}{{ end -}}
{{- with .ratio }}{{ $_ := set $one "ratio" . }}{{ end -}}
{{- if .tokenSecret }}{{ $_ := set $one "tokenFile" (printf "%s/backends/%s/token" $dir .name) }}{{ end -}}
{{- if .caSecret }}{{ $_ := set $one "caFile" (printf "%s/backends/%s/ca.crt" $dir .name) }}{{ end -}}
{{- $backends = append $backends $one -}}
{{- end -}}
{{ dict "instance" .Values.instance "backends" $backends | toPrettyJson }}
{{- end }}

{{/* "true" where the type of every backend is one of .types. */}}
{{- define "nvmetcp-csi.allAre" -}}
{{- $all := true -}}
{{- $types := .types -}}
{{- range .backends -}}
{{- if not (has (default "linux" .type) $types) }}{{ $all = false }}{{ end -}}
{{- end -}}
{{ $all }}
{{- end }}

{{/* "true" where two controllers may work on every backend at once. */}}
{{- define "nvmetcp-csi.twoWriters" -}}
{{ include "nvmetcp-csi.allAre" (dict "backends" .Values.backends "types" (list "linux" "static")) }}
{{- end }}

{{/* "true" where every backend still exports after a restart what it did before. */}}
{{- define "nvmetcp-csi.exportsPersist" -}}
{{ include "nvmetcp-csi.allAre" (dict "backends" .Values.backends "types" (list "linux" "static")) }}
{{- end }}

{{- define "nvmetcp-csi.replicas" -}}
{{ ternary (int .Values.controller.replicaCount) 1 (eq (include "nvmetcp-csi.twoWriters" .) "true") }}
{{- end }}

{{/* "true" where the snapshotter runs. */}}
{{- define "nvmetcp-csi.snapshots" -}}
{{- $enabled := toString .Values.sidecars.snapshotter.enabled -}}
{{- if eq $enabled "auto" -}}
{{ or (.Capabilities.APIVersions.Has "snapshot.storage.k8s.io/v1") (gt (len .Values.volumeSnapshotClasses) 0) }}
{{- else -}}
{{ $enabled }}
{{- end }}
{{- end }}

{{- define "nvmetcp-csi.pluginDir" -}}
{{ .Values.node.kubeletPath }}/plugins/{{ .Values.driverName }}
{{- end }}
