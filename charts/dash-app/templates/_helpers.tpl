{{/* Every object has the release's name: short, and two releases never meet. */}}
{{- define "dash-app.name" -}}
{{ .Release.Name }}
{{- end }}

{{/* Selectors cannot be changed later, so they hold nothing but the release's name. */}}
{{- define "dash-app.selectorLabels" -}}
app.kubernetes.io/name: dash-app
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "dash-app.labels" -}}
{{- $own := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (merge (include "dash-app.selectorLabels" . | fromYaml) $own .Values.commonLabels) }}
{{- end }}

{{/* metadata of an object. Call with (dict "root" $ "annotations" <map>). */}}
{{- define "dash-app.metadata" -}}
name: {{ .name | default (include "dash-app.name" .root) | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "dash-app.labels" .root | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "dash-app.image" -}}
{{- with .Values.image -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{- define "dash-app.port" -}}
{{ .Values.containerPort | default .Values.containerPorts.http | default 8050 | int }}
{{- end }}

{{- define "dash-app.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "dash-app.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* A probe of the port, by HTTP when it has a path. Call with the probe's values. */}}
{{- define "dash-app.probe" -}}
{{- if .path -}}
httpGet:
  path: {{ .path | quote }}
  port: http
{{- else -}}
tcpSocket:
  port: http
{{- end }}
{{- range $key := list "initialDelaySeconds" "periodSeconds" "timeoutSeconds" "failureThreshold" }}
{{ $key }}: {{ index $ $key | int }}
{{- end }}
{{- end }}

{{/* "true" when there can be more than one pod. */}}
{{- define "dash-app.severalPods" -}}
{{- if gt (ternary .Values.autoscaling.maxReplicas .Values.replicaCount .Values.autoscaling.enabled | int) 1 }}true{{ end }}
{{- end }}

{{/* A Kubernetes quantity as a plain number: 200m → 0.2, 1Ki → 1024. */}}
{{- define "dash-app.quantity" -}}
{{- $factors := dict "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 0x1p10 "Mi" 0x1p20 "Gi" 0x1p30 "Ti" 0x1p40 "Pi" 0x1p50 "Ei" 0x1p60 -}}
{{- $text := toString . -}}
{{- $unit := regexFind "[A-Za-z]+$" $text -}}
{{- mulf (trimSuffix $unit $text | float64) (get $factors $unit | default 1.0) -}}
{{- end }}

{{/* Resources with whole numbers of bytes written out: YAML would print 134217728 as 1.34217728e+08. */}}
{{- define "dash-app.resources" -}}
{{- $out := dict -}}
{{- range $side, $amounts := .Values.resources -}}
{{- $row := dict -}}
{{- range $name, $amount := $amounts -}}
{{- if and (kindIs "float64" $amount) (eq $amount (floor $amount)) -}}
{{- $amount = int64 $amount -}}
{{- end -}}
{{- $_ := set $row $name (toString $amount) -}}
{{- end -}}
{{- if $row }}{{ $_ := set $out $side $row }}{{ end -}}
{{- end -}}
{{- toYaml $out -}}
{{- end }}

{{/*
Environment. HOME is set unless the user did: the pod's user has no home in the image, and libraries keep caches there.
So is USER, which Python (PyTorch) and others ask before they look for a name that the image does not have for this user;
not for root or the image's own user. So is TZ, if there is a time zone.
*/}}
{{- define "dash-app.env" -}}
{{- $own := list (dict "name" "HOME" "value" "/tmp") -}}
{{- if and .Values.containerSecurityContext.enabled .Values.containerSecurityContext.runAsUser }}{{ $own = append $own (dict "name" "USER" "value" "app") }}{{ end -}}
{{- with .Values.timezone }}{{ $own = append $own (dict "name" "TZ" "value" .) }}{{ end -}}
{{- $given := dict -}}
{{- range .Values.extraEnvVars }}{{ $_ := set $given .name true }}{{ end -}}
{{- $all := list -}}
{{- range $own }}{{ if not (hasKey $given .name) }}{{ $all = append $all . }}{{ end }}{{ end -}}
{{- toYaml (concat $all .Values.extraEnvVars) -}}
{{- end }}
