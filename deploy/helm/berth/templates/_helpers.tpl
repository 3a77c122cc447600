{{- define "berth.name" -}}
{{- if contains "berth" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-berth" (.Release.Name | trunc 44 | trimSuffix "-") }}{{ end }}
{{- end }}

{{/* Of a part: (dict "root" $ "part" "api") */}}
{{- define "berth.selector" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "berth.labels" -}}
{{ include "berth.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "berth.serviceAccount" -}}
{{- $account := (index .root.Values .part).serviceAccount -}}
{{- if $account.create }}{{ default (printf "%s-%s" (include "berth.name" .root) .part) $account.name }}{{ else }}{{ default "default" $account.name }}{{ end }}
{{- end }}

{{- define "berth.image" -}}
{{- $image := (index .root.Values .part).image -}}
{{- if $image.digest }}{{ printf "%s@%s" $image.repository $image.digest }}{{ else }}{{ printf "%s:%s" $image.repository (default .root.Chart.AppVersion $image.tag) }}{{ end }}
{{- end }}

{{/* A key of the Secret: (dict "root" $ "env" "DATABASE_URL" "key" "databaseUrl") */}}
{{- define "berth.fromSecret" -}}
{{- with index .root.Values.secret.keys .key }}
- name: {{ $.env }}
  valueFrom: { secretKeyRef: { name: {{ $.root.Values.secret.name | quote }}, key: {{ . | quote }} } }
{{- end }}
{{- end }}

{{/* What API and workers are both told. */}}
{{- define "berth.env" -}}
- { name: NODE_ENV, value: production }
- { name: HOST, value: "0.0.0.0" }
- { name: BERTH_BACKENDS, value: {{ join "," .root.Values.backends | quote }} }
{{- with .root.Values.publicUrl }}
- { name: BERTH_PUBLIC_URL, value: {{ . | quote }} }
{{- end }}
{{- if .root.Values.policy }}
- { name: BERTH_POLICY_FILE, value: /etc/berth/policy/policy.yaml }
{{- end }}
{{- include "berth.fromSecret" (dict "root" .root "env" "DATABASE_URL" "key" "databaseUrl") }}
{{- include "berth.fromSecret" (dict "root" .root "env" "DATABASE_LISTEN_URL" "key" "databaseListenUrl") }}
{{- include "berth.fromSecret" (dict "root" .root "env" "REDIS_URL" "key" "redisUrl") }}
{{- range $name, $value := .root.Values.config }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{/* Migrations run before the port opens: in one transaction, while others wait for it. */}}
{{- define "berth.probes" -}}
startupProbe:
  httpGet: { path: /health, port: {{ . }} }
  periodSeconds: 5
  failureThreshold: 120
livenessProbe:
  httpGet: { path: /health, port: {{ . }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /ready, port: {{ . }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{- define "berth.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "berth.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Where a pod runs: on another node than its like, if there is one. */}}
{{- define "berth.placement" -}}
{{- $part := index .root.Values .part -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: { {{- include "berth.selector" . | replace "\n" ", " -}} } }
{{- with $part.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
