{{/* Names, labels and images. */}}

{{- define "nvmetcp-csi.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "nvmetcp-csi.fullname" -}}
{{- $name := include "nvmetcp-csi.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "nvmetcp-csi.labels" -}}
app.kubernetes.io/name: {{ include "nvmetcp-csi.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.customLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that pods are found by: (list ROOT COMPONENT). They never change. */}}
{{- define "nvmetcp-csi.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "nvmetcp-csi.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Image of a program of ours: (list ROOT COMPONENT). */}}
{{- define "nvmetcp-csi.image" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- with (index $root.Values $component).image -}}
{{ . }}
{{- else -}}
{{ $root.Values.image.registry }}/{{ $component }}:{{ default $root.Chart.AppVersion $root.Values.image.tag }}
{{- end }}
{{- end }}

{{/* Name of a service account: (list ROOT COMPONENT). */}}
{{- define "nvmetcp-csi.serviceAccountName" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $account := (index $root.Values $component).serviceAccount -}}
{{- if $account.name -}}
{{ $account.name }}
{{- else if $account.create -}}
{{ include "nvmetcp-csi.fullname" $root }}-{{ $component }}
{{- else -}}
{{ fail (printf "%s.serviceAccount.name: is required where %s.serviceAccount.create is false" $component $component) }}
{{- end }}
{{- end }}

{{/* How an update goes. The defaults' rollingUpdate is merged into any other type; the API refuses that. */}}
{{- define "nvmetcp-csi.updateStrategy" -}}
type: {{ .updateStrategy.type }}
{{- if eq .updateStrategy.type "RollingUpdate" }}
{{- with .updateStrategy.rollingUpdate }}
rollingUpdate:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
