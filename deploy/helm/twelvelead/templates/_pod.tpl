{{/* What every container is: nobody, on a root that cannot be written to, without any capability. */}}
{{- define "twelvelead.confined" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "twelvelead.confinedPod" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Settings that every role has. Call with (dict "root" $ "component" NAME). */}}
{{- define "twelvelead.env" -}}
{{- $v := .root.Values -}}
{{- $name := include "twelvelead.name" .root -}}
{{- $ns := .root.Release.Namespace -}}
{{- $dicom := or (eq .component "dicom") (eq .component "all") -}}
{{- $http := or (eq .component "api") (eq .component "all") -}}
{{- $hosts := list "localhost" "127.0.0.1" "[::1]" "$(POD_IP)" -}}
{{- range $service := list (printf "%s-api" $name) (printf "%s-operation" $name) -}}
{{- $hosts = concat $hosts (list $service (printf "%s.%s" $service $ns) (printf "%s.%s.svc" $service $ns) (printf "%s.%s.svc.cluster.local" $service $ns)) -}}
{{- end -}}
- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
- {name: HOME, value: /tmp}
- {name: TWELVELEAD_CONFIG, value: /etc/twelvelead/settings.toml}
- {name: TWELVELEAD_DATA, value: /var/lib/twelvelead}
- {name: TWELVELEAD_LOG_FORMAT, value: json}
- {name: TWELVELEAD_DRAIN_SECONDS, value: {{ $v.drainSeconds | quote }}}
- {name: TWELVELEAD_MODELS_DIGEST, value: {{ $v.models.digest | quote }}}
- {name: TWELVELEAD_PUBLIC_DESCRIPTIONS, value: "false"}
- {name: TWELVELEAD_REQUIRE_CREDENTIALS, value: "true"}
- {name: TWELVELEAD_RATE_PER_MINUTE, value: {{ $v.access.ratePerMinute | quote }}}
- {name: TWELVELEAD_METRICS_HOST, value: 0.0.0.0}
- {name: TWELVELEAD_METRICS_PORT, value: {{ $v.operation.port | quote }}}
- {name: TWELVELEAD_HOSTS, value: {{ concat $hosts $v.hosts | uniq | toJson | quote }}}
- {name: TWELVELEAD_TLS_CERTIFICATE, value: /run/secrets/twelvelead-tls/tls.crt}
- {name: TWELVELEAD_TLS_KEY, value: /run/secrets/twelvelead-tls/tls.key}
{{- if $http }}
- {name: TWELVELEAD_HOST, value: 0.0.0.0}
- {name: TWELVELEAD_PORT, value: "8443"}
{{- if $v.tls.clientCa.existingSecret }}
- {name: TWELVELEAD_TLS_CLIENT_CA, value: /run/secrets/twelvelead-client-ca/{{ $v.tls.clientCa.key }}}
{{- end }}
{{- end }}
{{- with $v.access.oidc.issuer }}
- {name: TWELVELEAD_OIDC_ISSUER, value: {{ . | quote }}}
- {name: TWELVELEAD_OIDC_AUDIENCE, value: {{ $v.access.oidc.audience | quote }}}
{{- end }}
{{- if $dicom }}
- {name: TWELVELEAD_DICOM_HOST, value: 0.0.0.0}
- {name: TWELVELEAD_DICOM_PORT, value: "11112"}
- {name: TWELVELEAD_DICOM_CALLERS, value: {{ merge (dict $v.dicom.aeTitle (list "127.0.0.1/32")) $v.dicom.callers | toJson | quote }}}
- {name: TWELVELEAD_DICOM_ASSOCIATIONS, value: {{ $v.dicom.associations | quote }}}
{{- if $v.dicom.plain }}
- {name: TWELVELEAD_DICOM_PLAIN_OFF_LOOPBACK, value: "true"}
{{- else }}
- {name: TWELVELEAD_DICOM_TLS_CERTIFICATE, value: /run/secrets/twelvelead-dicom-tls/tls.crt}
- {name: TWELVELEAD_DICOM_TLS_KEY, value: /run/secrets/twelvelead-dicom-tls/tls.key}
- {name: TWELVELEAD_DICOM_TLS_CA, value: /run/secrets/twelvelead-dicom-ca/{{ $v.dicom.tls.ca.key }}}
{{- end }}
{{- end }}
- {name: TWELVELEAD_AE_TITLE, value: {{ $v.dicom.aeTitle | quote }}}
{{- if or (eq .component "worker") (eq .component "all") }}
- {name: TWELVELEAD_WORKERS, value: {{ $v.worker.atOnce | quote }}}
{{- end }}
{{- if ne $v.mode "one" }}
- {name: TWELVELEAD_SECRETS, value: /run/secrets/twelvelead}
- {name: TWELVELEAD_MIGRATE, value: "false"}
{{- else if $v.store.existingSecret }}
- {name: TWELVELEAD_SECRETS, value: /run/secrets/twelvelead}
{{- end }}
{{- with $v.store }}
{{- if .bucket }}
- {name: TWELVELEAD_STORE, value: {{ .bucket | quote }}}
{{- with .endpoint }}
- {name: TWELVELEAD_S3_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- with .region }}
- {name: TWELVELEAD_S3_REGION, value: {{ . | quote }}}
{{- end }}
{{- if .existingSecret }}
- {name: TWELVELEAD_S3_SECRET_KEY_FILE, value: /run/secrets/twelvelead/s3-secret-key}
{{- end }}
{{- end }}
{{- end }}
{{- with $v.traces.endpoint }}
- {name: TWELVELEAD_TRACES_ENDPOINT, value: {{ . | quote }}}
- {name: TWELVELEAD_TRACES_RATIO, value: {{ $v.traces.ratio | quote }}}
{{- end }}
{{- end }}

{{- define "twelvelead.mounts" -}}
{{- $v := .root.Values -}}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /var/lib/twelvelead}
- {name: settings, mountPath: /etc/twelvelead/settings.toml, subPath: settings.toml, readOnly: true}
- {name: tls, mountPath: /run/secrets/twelvelead-tls, readOnly: true}
{{- if or (ne $v.mode "one") $v.store.existingSecret }}
- {name: settings-secret, mountPath: /run/secrets/twelvelead, readOnly: true}
{{- end }}
{{- if and $v.tls.clientCa.existingSecret (has .component (list "api" "all")) }}
- {name: client-ca, mountPath: /run/secrets/twelvelead-client-ca, readOnly: true}
{{- end }}
{{- if and (not $v.dicom.plain) (has .component (list "dicom" "all")) }}
- {name: dicom-tls, mountPath: /run/secrets/twelvelead-dicom-tls, readOnly: true}
- {name: dicom-ca, mountPath: /run/secrets/twelvelead-dicom-ca, readOnly: true}
{{- end }}
{{- range $v.files }}
- {name: {{ printf "files-%s" .name }}, mountPath: {{ printf "/etc/twelvelead/files/%s" .name }}, readOnly: true}
{{- end }}
{{- end }}

{{/* The Secrets that hold settings, as one directory of files, each called after its setting. */}}
{{- define "twelvelead.settingsSecret" -}}
{{- $v := .Values -}}
projected:
  defaultMode: 0440
  sources:
    {{- if ne $v.mode "one" }}
    - secret: {name: {{ $v.database.existingSecret | quote }}, items: [{key: {{ $v.database.key | quote }}, path: database}]}
    {{- end }}
    {{- if $v.store.existingSecret }}
    - secret:
        name: {{ $v.store.existingSecret | quote }}
        items:
          - {key: {{ $v.store.accessKeyKey | quote }}, path: s3_access_key}
          - {key: {{ $v.store.secretKeyKey | quote }}, path: s3-secret-key}
    {{- end }}
{{- end }}

{{- define "twelvelead.volumes" -}}
{{- $v := .root.Values -}}
- {name: tmp, emptyDir: {sizeLimit: 1Gi}}
{{- if ne .component "all" }}
- {name: data, emptyDir: {sizeLimit: 100Mi}}
{{- end }}
- {name: settings, configMap: {name: {{ include "twelvelead.name" .root }}}}
- {name: tls, secret: {secretName: {{ $v.tls.existingSecret | quote }}, defaultMode: 0440}}
{{- if or (ne $v.mode "one") $v.store.existingSecret }}
- name: settings-secret
  {{- include "twelvelead.settingsSecret" .root | nindent 2 }}
{{- end }}
{{- if and $v.tls.clientCa.existingSecret (has .component (list "api" "all")) }}
- {name: client-ca, secret: {secretName: {{ $v.tls.clientCa.existingSecret | quote }}, defaultMode: 0440}}
{{- end }}
{{- if and (not $v.dicom.plain) (has .component (list "dicom" "all")) }}
- {name: dicom-tls, secret: {secretName: {{ $v.dicom.tls.existingSecret | quote }}, defaultMode: 0440}}
- {name: dicom-ca, secret: {secretName: {{ $v.dicom.tls.ca.existingSecret | quote }}, defaultMode: 0440}}
{{- end }}
{{- range $v.files }}
- {name: {{ printf "files-%s" .name }}, secret: {secretName: {{ .existingSecret | quote }}, defaultMode: 0440}}
{{- end }}
{{- end }}

{{/* Health is asked on the port for metrics, which wants no client's certificate; a DICOM listener by C-ECHO. */}}
{{- define "twelvelead.probes" -}}
{{- $live := dict "httpGet" (dict "path" "/health/live" "port" "operation" "scheme" "HTTPS") -}}
{{- $ready := dict "httpGet" (dict "path" "/health/ready" "port" "operation" "scheme" "HTTPS") -}}
{{- $echo := dict "exec" (dict "command" (list "twelvelead" "echo")) -}}
{{- if eq .component "dicom" -}}
startupProbe: {{ merge (dict "periodSeconds" 5 "timeoutSeconds" 10 "failureThreshold" 36) $echo | toJson }}
readinessProbe: {{ merge (dict "periodSeconds" 15 "timeoutSeconds" 10 "failureThreshold" 2) $echo | toJson }}
# A listener that takes no more associations turns the probe away, too: only one that does so for five minutes hangs.
livenessProbe: {{ merge (dict "periodSeconds" 30 "timeoutSeconds" 10 "failureThreshold" 10) $echo | toJson }}
{{- else -}}
startupProbe: {{ merge (dict "periodSeconds" 2 "timeoutSeconds" 5 "failureThreshold" 90) $live | toJson }}
readinessProbe: {{ merge (dict "periodSeconds" 5 "timeoutSeconds" 5 "failureThreshold" 2) $ready | toJson }}
livenessProbe: {{ merge (dict "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6) $live | toJson }}
{{- end -}}
{{- end }}

{{/* Brings the schema up to date, and takes the keys: containers that run one after another. */}}
{{- define "twelvelead.preparations" -}}
{{- $root := .root -}}
{{- range $words := .steps }}
- name: {{ index $words 0 }}
  image: {{ include "twelvelead.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args: {{ slice $words 1 | toJson }}
  env:
    {{- $.env | nindent 4 }}
  volumeMounts:
    {{- $.mounts | nindent 4 }}
  resources:
    {{- toYaml $root.Values.migrations.resources | nindent 4 }}
  securityContext:
    {{- include "twelvelead.confined" $root | nindent 4 }}
{{- end }}
{{- end }}

{{/* The steps of those: a JSON list of lists, the first word the container's name. */}}
{{- define "twelvelead.steps" -}}
{{- $steps := list (list "migrate" "database" "migrate") -}}
{{- range .Values.access.keys -}}
{{- $words := list (printf "key-%s" (.name | lower | replace "." "-" | replace "_" "-")) "keys" "import" .name "--file" (printf "/run/secrets/twelvelead-keys/%s" .name) -}}
{{- range .scopes }}{{ $words = concat $words (list "--scope" .) }}{{ end -}}
{{- $steps = append $steps $words -}}
{{- end -}}
{{- toJson $steps -}}
{{- end }}

{{- define "twelvelead.keysVolume" -}}
- name: keys
  projected:
    defaultMode: 0440
    sources:
      {{- range .Values.access.keys }}
      - secret: {name: {{ .existingSecret | quote }}, items: [{key: {{ .key | quote }}, path: {{ .name | quote }}}]}
      {{- end }}
{{- end }}

{{/* A pod of a role. Call with (dict "root" $ "component" NAME "roles" WORDS "own" VALUES). */}}
{{- define "twelvelead.pod" -}}
{{- $v := .root.Values -}}
metadata:
  labels:
    {{- include "twelvelead.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    twelvelead/serves: "true"
    {{- with $v.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # A change of the settings replaces the pods.
    checksum/settings: {{ $v.settings | sha256sum }}
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "twelvelead.account" .root }}
  automountServiceAccountToken: false
  # A Service called twelvelead would set TWELVELEAD_PORT and other settings of ours.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $v.drainSeconds 10 }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - {name: {{ . }}}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "twelvelead.confinedPod" .root | nindent 4 }}
  {{- if eq .component "all" }}
  initContainers:
    {{- $env := include "twelvelead.env" (dict "root" .root "component" "prepare") -}}
    {{- $mounts := printf "%s\n%s" (include "twelvelead.mounts" (dict "root" .root "component" "prepare")) "- {name: keys, mountPath: /run/secrets/twelvelead-keys, readOnly: true}" -}}
    {{- include "twelvelead.preparations" (dict "root" .root "env" $env "mounts" $mounts "steps" (include "twelvelead.steps" .root | fromJsonArray)) | nindent 4 }}
  {{- end }}
  containers:
    - name: twelvelead
      image: {{ include "twelvelead.image" .root | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [serve{{ range .roles }}, --role, {{ . }}{{ end }}]
      ports:
        {{- if has .component (list "api" "all") }}
        - {name: https, containerPort: 8443}
        {{- end }}
        {{- if has .component (list "dicom" "all") }}
        - {name: dicom, containerPort: 11112}
        {{- end }}
        - {name: operation, containerPort: {{ $v.operation.port }}}
      env:
        {{- include "twelvelead.env" (dict "root" .root "component" .component) | nindent 8 }}
      volumeMounts:
        {{- include "twelvelead.mounts" (dict "root" .root "component" .component) | nindent 8 }}
      {{- include "twelvelead.probes" . | nindent 6 }}
      resources:
        {{- toYaml .own.resources | nindent 8 }}
      securityContext:
        {{- include "twelvelead.confined" .root | nindent 8 }}
  volumes:
    {{- include "twelvelead.volumes" (dict "root" .root "component" .component) | nindent 4 }}
    {{- if eq .component "all" }}
    {{- include "twelvelead.keysVolume" .root | nindent 4 }}
    {{- end }}
  {{- with .own.nodeSelector }}
  nodeSelector: {{ toJson . }}
  {{- end }}
  {{- with .own.tolerations }}
  tolerations: {{ toJson . }}
  {{- end }}
  {{- if ne .component "all" }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "twelvelead.selector" $.root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
    {{- end }}
  {{- end }}
{{- end }}
