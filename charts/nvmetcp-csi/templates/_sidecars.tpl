{{/* The sidecars of the controller: which, with what port and what arguments. */}}

{{/* Names of those that run, with blanks. */}}
{{- define "nvmetcp-csi.sidecarNames" -}}
provisioner attacher resizer
{{- if eq (include "nvmetcp-csi.snapshots" .) "true" }} snapshotter{{ end }}
{{- end }}

{{/* Port of each one's metrics and health. */}}
{{- define "nvmetcp-csi.sidecarPorts" -}}
provisioner: 9081
attacher: 9082
resizer: 9083
snapshotter: 9084
{{- end }}

{{- define "nvmetcp-csi.args.provisioner" -}}
- --timeout=60s
- --worker-threads=100
- --retry-interval-max=30m
- --extra-create-metadata
- --default-fstype=ext4
{{- if eq (include "nvmetcp-csi.topologyIsOn" .) "true" }}
- --feature-gates=Topology=true
{{- end }}
{{- end }}

{{- define "nvmetcp-csi.args.attacher" -}}
- --timeout=60s
- --worker-threads=100
{{- /* A target that forgets its exports is healed by publishing again, before paths are given up. */}}
{{- if eq (include "nvmetcp-csi.exportsPersist" .) "true" }}
- --retry-interval-max=5m
- --reconcile-sync=1m
{{- else }}
- --retry-interval-max=15s
- --reconcile-sync=15s
{{- end }}
- --default-fstype=ext4
{{- end }}

{{- define "nvmetcp-csi.args.resizer" -}}
- --timeout=60s
- --workers=100
- --handle-volume-inuse-error=false
- --extra-modify-metadata
{{- end }}

{{- define "nvmetcp-csi.args.snapshotter" -}}
- --timeout=60s
- --worker-threads=100
- --retry-interval-max=30m
- --extra-create-metadata
- --feature-gates=CSIVolumeGroupSnapshot=false
{{- end }}

{{/* What every container but the node plugin may not do. */}}
{{- define "nvmetcp-csi.containerSecurityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* One sidecar's container: (list ROOT NAME). */}}
{{- define "nvmetcp-csi.sidecar" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $it := index $root.Values.sidecars $name -}}
name: csi-{{ $name }}
image: {{ $it.image.repository }}:{{ $it.image.tag }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args:
  - --csi-address=/csi/csi.sock
  - --v={{ $it.logLevel }}
  - --leader-election
  - --http-endpoint=:{{ get (include "nvmetcp-csi.sidecarPorts" $root | fromYaml) $name }}
  - --kube-api-qps=20
  - --kube-api-burst=100
  {{- include (printf "nvmetcp-csi.args.%s" $name) $root | nindent 2 }}
  {{- with $it.additionalArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $it.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: {{ $name }}
    containerPort: {{ get (include "nvmetcp-csi.sidecarPorts" $root | fromYaml) $name }}
# On a slow or busy node a start may take long; it is no reason to start anew.
startupProbe:
  httpGet: {path: /healthz/leader-election, port: {{ $name }}}
  periodSeconds: 5
  timeoutSeconds: 10
  failureThreshold: 60
livenessProbe:
  # Fails only where this one leads, has lost its lease and did not notice.
  httpGet: {path: /healthz/leader-election, port: {{ $name }}}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 3
terminationMessagePolicy: FallbackToLogsOnError
resources:
  {{- toYaml $it.resources | nindent 2 }}
securityContext:
  {{- include "nvmetcp-csi.containerSecurityContext" $root | nindent 2 }}
volumeMounts:
  - {name: socket, mountPath: /csi}
  - {name: api-access, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}
