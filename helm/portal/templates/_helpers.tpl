{{- define "dash-portal.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "dash-portal.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "dash-portal.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dash-portal.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Cluster-scoped names carry the namespace: two portals may live in one cluster. */}}
{{- define "dash-portal.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "dash-portal.fullname" .) -}}
{{- end }}

{{- define "dash-portal.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dash-portal.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dash-portal.ownLabels" -}}
{{ include "dash-portal.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Selectors rest on our own labels, so these win over those of the values. */}}
{{- define "dash-portal.labels" -}}
{{ toYaml (merge (include "dash-portal.ownLabels" . | fromYaml) .Values.commonLabels) }}
{{- end }}

{{/* The metadata every object shares. Call with (dict "root" $ "name" … "annotations" … "labels" …). */}}
{{- define "dash-portal.metadata" -}}
{{- $annotations := merge (dict) (default dict .annotations) .root.Values.commonAnnotations -}}
name: {{ .name }}
labels:
  {{- include "dash-portal.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "dash-portal.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dash-portal.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "dash-portal.image" -}}
{{- $image := .Values.image -}}
{{- if not $image.repository -}}
{{- fail "image.repository is required: build the portal's image from its Dockerfile, push it to your registry and name it here, e.g. --set image.repository=registry.example.com/dash-portal" -}}
{{- end -}}
{{- $name := $image.repository -}}
{{- with $image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end }}

{{- define "dash-portal.defaultNamespace" -}}
{{- if .Values.settings.defaultNamespace -}}
{{- .Values.settings.defaultNamespace -}}
{{- else if .Values.namespaces -}}
{{- first .Values.namespaces -}}
{{- else -}}
default
{{- end -}}
{{- end }}

{{/* One database at most, and one pod for a file. */}}
{{- define "dash-portal.checkDatabase" -}}
{{- if .Values.persistence.enabled -}}
{{- if .Values.database.existingSecret -}}
{{- fail "set either database.existingSecret or persistence.enabled: the portal has one database" -}}
{{- end -}}
{{- if gt (int .Values.replicaCount) 1 -}}
{{- fail "persistence.enabled keeps SQLite on a volume, which is for one pod: set replicaCount to 1, or database.existingSecret for PostgreSQL" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The namespace that enforces a level of Pod Security. Call with (dict "root" $ "level" …). */}}
{{- define "dash-portal.levelNamespace" -}}
{{- $guardrails := .root.Values.guardrails -}}
{{- $named := get $guardrails (printf "%sNamespace" .level) -}}
{{- if not (or $named $guardrails.createNamespaces) -}}
{{- fail (printf "guardrails.%sNamespace is required when guardrails.createNamespaces is false" .level) -}}
{{- end -}}
{{- $suffix := printf "-%s" .level -}}
{{- default (printf "%s%s" (include "dash-portal.clusterName" .root | trunc (int (sub 63 (len $suffix))) | trimSuffix "-") $suffix) $named -}}
{{- end }}

{{/* The levels of Pod Security that are needed, as a comma-separated list. */}}
{{- define "dash-portal.levels" -}}
{{- $levels := list "restricted" -}}
{{- range .Values.guardrails.exceptions -}}
{{- if eq (default "" .pod_security) "baseline" -}}{{- $levels = append $levels "baseline" -}}{{- end -}}
{{- end -}}
{{- $levels | uniq | join "," -}}
{{- end }}

{{/* The names under which this chart makes the portal reachable, and those of the values. */}}
{{- define "dash-portal.allowedHosts" -}}
{{- $service := include "dash-portal.fullname" . -}}
{{- $inNamespace := printf "%s.%s" $service .Release.Namespace -}}
{{- $hosts := list $service $inNamespace (printf "%s.svc" $inNamespace) (printf "%s.svc.%s" $inNamespace .Values.clusterDomain) -}}
{{- if .Values.ingress.enabled }}{{ $hosts = append $hosts .Values.ingress.hostname }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.httpRoute.hostnames }}{{ end -}}
{{- concat $hosts .Values.settings.allowedHosts | uniq | join "," -}}
{{- end }}

{{/* Where the portal works is said, and is nowhere that it must not change anything. */}}
{{- define "dash-portal.checkNamespaces" -}}
{{- if and .Values.namespaces .Values.clusterWide -}}
{{- fail "namespaces and clusterWide: set one of them. With a list the portal works in those namespaces alone." -}}
{{- end -}}
{{- if not (or .Values.namespaces .Values.clusterWide) -}}
{{- fail "namespaces: list the namespaces that the portal may work in, e.g. --set namespaces={apps}, or set clusterWide=true for all of them." -}}
{{- end -}}
{{- range .Values.namespaces -}}
{{- if eq . $.Release.Namespace -}}
{{- fail (printf "namespaces: %s is the portal's own namespace, in which it changes nothing. List others." .) -}}
{{- end -}}
{{- if hasPrefix "kube-" . -}}
{{- fail (printf "namespaces: %s is Kubernetes' own, in which the portal changes nothing. List others." .) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What is switched on works: the portal would not start otherwise. */}}
{{- define "dash-portal.checkSettings" -}}
{{- $settings := .Values.settings -}}
{{- if and $settings.shareLinks (eq .Values.auth.mode "none") -}}
{{- fail "settings.shareLinks is of no use while auth.mode is none, since everybody sees every app: set auth.mode, or leave it off." -}}
{{- end -}}
{{- if and $settings.shareLinks (not (or .Values.persistence.enabled .Values.database.existingSecret)) -}}
{{- fail "settings.shareLinks needs a database, which knows the links that are revoked: set database.existingSecret or persistence.enabled." -}}
{{- end -}}
{{- if and $settings.shell (not $settings.allowExec) -}}
{{- fail "settings.shell needs settings.allowExec, or nobody may use it: set both." -}}
{{- end -}}
{{- end }}

{{- define "dash-portal.checkAuth" -}}
{{- $auth := .Values.auth -}}
{{- $exposed := or .Values.ingress.enabled .Values.httpRoute.enabled (ne .Values.service.type "ClusterIP") -}}
{{- if and (eq $auth.mode "none") $exposed (not $auth.allowAnonymous) -}}
{{- fail "auth.mode is none, and the portal is exposed: whoever reaches it could change and remove every app. Choose another auth.mode, or set auth.allowAnonymous=true if everybody may." -}}
{{- end -}}
{{- if and (eq $auth.mode "oidc") (not (and $auth.oidc.issuer $auth.oidc.clientId .Values.settings.publicUrl)) -}}
{{- fail "auth.mode is oidc: set auth.oidc.issuer, auth.oidc.clientId and settings.publicUrl." -}}
{{- end -}}
{{- if and (eq $auth.mode "alb") (not (and $auth.alb.arn $auth.alb.issuer $auth.alb.clientId)) -}}
{{- fail "auth.mode is alb: set auth.alb.arn, auth.alb.issuer and auth.alb.clientId." -}}
{{- end -}}
{{- if and .Values.tls.clientCaKey (not (and .Values.tls.existingSecret $auth.proxyNames (eq $auth.mode "header"))) -}}
{{- fail "tls.clientCaKey is for auth.mode header: set tls.existingSecret and auth.proxyNames, too." -}}
{{- end -}}
{{- if and $auth.proxyNames (not .Values.tls.clientCaKey) -}}
{{- fail "auth.proxyNames: set tls.clientCaKey, whose authorities sign the proxy's certificate." -}}
{{- end -}}
{{- if and (eq $auth.mode "none") (or $auth.bearer.audiences $auth.bearer.tokenReviewAudiences) -}}
{{- fail "auth.bearer is of no use while auth.mode is none, since everybody may do everything without a token: set auth.mode, or leave the audiences out." -}}
{{- end -}}
{{- if and $auth.bearer.audiences (not $auth.oidc.issuer) -}}
{{- fail "auth.bearer.audiences: set auth.oidc.issuer, whose tokens are accepted." -}}
{{- end -}}
{{- end }}

{{- define "dash-portal.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "dash-portal.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{/* Pods of load tests, whichever app they are of. */}}
{{- define "dash-portal.loadTestSelector" -}}
matchLabels:
  app.kubernetes.io/name: dash-portal-load-test
  app.kubernetes.io/managed-by: dash-portal
{{- end }}
