{{/* What the schema cannot say. Each failure names the value, what is wrong and what to do. */}}
{{- define "nvmetcp-csi.check" -}}
{{- if not .Values.instance -}}
{{ fail "\n\ninstance: is required: a name for this installation, 1 to 16 of a-z, 0-9 and '-', different in each cluster that uses the same targets, as --set instance=prod\n" }}
{{- end -}}
{{- if not .Values.backends -}}
{{ fail "\n\nbackends: at least one is required: the targets on which volumes are made, as\n\nbackends:\n  - name: main\n    url: https://10.0.0.5:4443\n" }}
{{- end -}}
{{- include "nvmetcp-csi.checkInstance" . -}}
{{- include "nvmetcp-csi.checkTopology" . -}}
{{- $names := include "nvmetcp-csi.backendNames" . | splitList "," -}}
{{- range .Values.storageClasses -}}
{{- $backend := get (default dict .parameters) "backend" -}}
{{- if and $backend (not (has $backend $names)) -}}
{{ fail (printf "\n\nstorageClasses: %s: parameters.backend: %q is no backend; there are: %s\n" .name $backend (join ", " $names)) }}
{{- else if and (not $backend) (gt (len $.Values.backends) 1) -}}
{{ fail (printf "\n\nstorageClasses: %s: parameters.backend: is required where there are several backends: %s\n" .name (join ", " $names)) }}
{{- end -}}
{{- end -}}
{{- range $what, $path := dict "csi.sock" (printf "%s/csi.sock" (include "nvmetcp-csi.pluginDir" .)) "the registration socket" (printf "%s/plugins_registry/%s-reg.sock" .Values.node.kubeletPath .Values.driverName) -}}
{{- if gt (len $path) 107 -}}
{{ fail (printf "\n\nnode.kubeletPath, driverName: too long together: the path of %s, %s, has %d bytes, at most 107 are allowed\n" $what $path (len $path)) }}
{{- end -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled) -}}
{{ fail "\n\nmetrics.serviceMonitor.enabled: needs metrics.enabled, which makes what is to be monitored\n" }}
{{- end -}}
{{- end }}

{{/* Names and aliases of all backends, with commas; a name given twice is refused. */}}
{{- define "nvmetcp-csi.backendNames" -}}
{{- $names := list -}}
{{- range .Values.backends -}}
{{- range prepend (default list .aliases) .name -}}
{{- if has . $names -}}
{{ fail (printf "\n\nbackends: %q: is the name or alias of two backends; each needs its own, since it stands in the ids of volumes\n" .) }}
{{- end -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{ join "," $names }}
{{- end }}

{{/* All that was made carries the instance in its name: another one would leave it behind. */}}
{{- define "nvmetcp-csi.checkInstance" -}}
{{- $old := lookup "v1" "Secret" .Release.Namespace (printf "%s-config" (include "nvmetcp-csi.fullname" .)) -}}
{{- if and $old (hasKey (default dict $old.data) "config.json") -}}
{{- $was := (get $old.data "config.json" | b64dec | fromJson).instance -}}
{{- if and $was (ne $was .Values.instance) -}}
{{ fail (printf "\n\ninstance: is %q in this release and cannot become %q: no volume made so far would be found again. Uninstall the release first if there is none\n" $was .Values.instance) }}
{{- end -}}
{{- end -}}
{{- end }}
