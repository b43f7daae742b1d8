{{/* Which nodes are where, and which backends are reached from there. */}}

{{/* "true" where a backend is not reached from every node. */}}
{{- define "nvmetcp-csi.topologyIsOn" -}}
{{- $on := false -}}
{{- range .Values.backends }}{{ if .topology }}{{ $on = true }}{{ end }}{{ end -}}
{{ $on }}
{{- end }}

{{/* The label that a key of the topology becomes, as the programs make it: (list ROOT KEY). */}}
{{- define "nvmetcp-csi.topologyKey" -}}
{{- $key := index . 1 -}}
{{ ternary $key (printf "%s/%s" (index . 0).Values.driverName $key) (contains "/" $key) }}
{{- end }}

{{/* What the node plugins read: a line for each pattern of names. */}}
{{- define "nvmetcp-csi.topologyFile" -}}
{{- range .Values.node.topology -}}
{{- $pairs := list -}}
{{- range $key, $value := .segments }}{{ $pairs = append $pairs (printf "%s=%s" $key $value) }}{{ end -}}
{{- range .nodes }}
{{ . }} {{ join "," $pairs }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Segments of the backend of a class, as JSON: (list ROOT CLASS). */}}
{{- define "nvmetcp-csi.classTopology" -}}
{{- $backends := (index . 0).Values.backends -}}
{{- $name := get (default dict (index . 1).parameters) "backend" -}}
{{- $found := list -}}
{{- range $backends -}}
{{- if or (eq (len $backends) 1) (has $name (prepend (default list .aliases) .name)) }}{{ $found = default list .topology }}{{ end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{/* Both sides must speak of the same keys: a node that tells none can have no volume made at all. */}}
{{- define "nvmetcp-csi.checkTopology" -}}
{{- $told := list -}}
{{- range .Values.node.topology }}{{ range $key, $_ := .segments }}{{ $told = append $told (include "nvmetcp-csi.topologyKey" (list $ $key)) }}{{ end }}{{ end -}}
{{- $flag := contains "--topology" (join " " .Values.node.additionalArgs) -}}
{{- range $backend := .Values.backends -}}
{{- range .topology }}{{ range $key, $_ := . -}}
{{- if not (or $flag (has (include "nvmetcp-csi.topologyKey" (list $ $key)) $told)) -}}
{{ fail (printf "\n\nbackends: %s: topology: %s: no entry of node.topology has this key, so no node would be where the backend is reached; add it, as\n\nnode:\n  topology:\n    - nodes: [rack1-*]\n      segments: {%s: a}\n" $backend.name $key $key) }}
{{- end -}}
{{- end }}{{ end -}}
{{- end -}}
{{- end }}
