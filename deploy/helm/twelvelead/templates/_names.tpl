{{/* Names and labels. */}}
{{- define "twelvelead.name" -}}
{{- if eq .Release.Name "twelvelead" }}twelvelead{{ else }}{{ printf "%s-twelvelead" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "twelvelead.selector" -}}
app.kubernetes.io/name: twelvelead
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "twelvelead.labels" -}}
{{ include "twelvelead.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "twelvelead.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "twelvelead.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "twelvelead.name" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{/* The roles that run, by the component of their pods: a dict from component to the words of `--role`. */}}
{{- define "twelvelead.components" -}}
{{- if eq .Values.mode "one" -}}
{"all": ["http", "dicom", "work"]}
{{- else -}}
{{- $found := dict -}}
{{- if .Values.api.enabled }}{{ $_ := set $found "api" (list "http") }}{{ end -}}
{{- if .Values.dicom.enabled }}{{ $_ := set $found "dicom" (list "dicom") }}{{ end -}}
{{- if .Values.worker.enabled }}{{ $_ := set $found "worker" (list "work") }}{{ end -}}
{{- toJson $found -}}
{{- end -}}
{{- end }}

{{/* What is missing is told here, by the value's name and all at once, before anything is changed. */}}
{{- define "twelvelead.check" -}}
{{- $v := .Values -}}
{{- $missing := list -}}
{{- if eq $v.mode "roles" -}}
{{- if not $v.database.existingSecret }}{{ $missing = append $missing "database.existingSecret: name the Secret that holds the URL of PostgreSQL" }}{{ end -}}
{{- if not $v.store.bucket }}{{ $missing = append $missing "store.bucket: name a bucket, such as s3://ecg/ward; several pods share it" }}{{ end -}}
{{- end -}}
{{- if not $v.tls.existingSecret }}{{ $missing = append $missing "tls.existingSecret: name the Secret with the certificate of the API and of the port for metrics" }}{{ end -}}
{{- if and (not $v.access.keys) (not $v.access.oidc.issuer) }}{{ $missing = append $missing "access.keys or access.oidc.issuer: without a credential nothing would open" }}{{ end -}}
{{- if and $v.access.oidc.issuer (not $v.access.oidc.audience) }}{{ $missing = append $missing "access.oidc.audience: what a token's audience must be" }}{{ end -}}
{{- if or (eq $v.mode "one") $v.dicom.enabled -}}
{{- if not $v.dicom.callers }}{{ $missing = append $missing "dicom.callers: name the AE titles that may call, each with its networks" }}{{ end -}}
{{- if and (not $v.dicom.plain) (not (and $v.dicom.tls.existingSecret $v.dicom.tls.ca.existingSecret)) }}{{ $missing = append $missing "dicom.tls.existingSecret and dicom.tls.ca.existingSecret: name the Secrets of the listener's certificate and of the callers' CA, or say dicom.plain: true" }}{{ end -}}
{{- end -}}
{{- if and $v.monitoring.serviceMonitor.enabled (not $v.monitoring.serviceMonitor.existingSecret) }}{{ $missing = append $missing "monitoring.serviceMonitor.existingSecret: name the Secret of a key with scope twelvelead/operate" }}{{ end -}}
{{- if not (or (eq $v.mode "one") $v.api.enabled $v.dicom.enabled $v.worker.enabled) }}{{ $missing = append $missing "api.enabled, dicom.enabled, worker.enabled: nothing would run" }}{{ end -}}
{{- if $missing }}{{ fail (printf "\n\nThese values are missing:\n  - %s\n" (join "\n  - " $missing)) }}{{ end -}}
{{- end }}
