{{/*
What people may do in a namespace, where Kubernetes decides: each role has the rules of those before
it as well. `portal/auth/kubernetes.py` says what each permission needs.
*/}}
{{- define "dash-portal.viewerRules" -}}
- apiGroups: [""]
  resources: [pods, services, serviceaccounts, events, resourcequotas, configmaps, persistentvolumeclaims]
  verbs: [get, list, watch]
{{- if .Values.settings.allowLogs }}
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- end }}
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, gateways]
  verbs: [get, list, watch]
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [get, list]
# Shown where the cluster has them.
{{ include "dash-portal.scalerRules" . }}
{{- end }}

{{/* KEDA's scalers and VerticalPodAutoscalers, which are only read. */}}
{{- define "dash-portal.scalerRules" -}}
- apiGroups: [keda.sh]
  resources: [scaledobjects, scaledjobs]
  verbs: [get, list, watch]
- apiGroups: [autoscaling.k8s.io]
  resources: [verticalpodautoscalers]
  verbs: [get, list, watch]
{{- end }}

{{- define "dash-portal.launcherRules" -}}
# Helm keeps its record of a release in Secrets, and an app its secret variables.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, patch, delete]
# What the built-in chart is made of.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [create, update, patch, delete]
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [create, update, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [create, update, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [create, update, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [create, update, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [create, update, patch, delete]
{{- if .Values.settings.loadTestImage }}
# Load tests: made, and stopped by their deadline.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, patch]
{{- end }}
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Commands in pods, as far as the settings allow them to anybody. */}}
{{- define "dash-portal.execRules" -}}
{{- if .Values.settings.allowExec }}
# Processes and shells. Since Kubernetes 1.35 a WebSocket needs "create" as well, before only "get".
- apiGroups: [""]
  resources: [pods/exec]
  verbs: [get, create]
{{- if and .Values.settings.shell .Values.settings.shellImage }}
- apiGroups: [""]
  resources: [pods/ephemeralcontainers]
  verbs: [patch]
{{- end }}
{{- end }}
{{- end }}

{{- define "dash-portal.maintainerRules" -}}
{{- include "dash-portal.execRules" . }}
# What other charts are made of.
- apiGroups: [""]
  resources: [configmaps, persistentvolumeclaims]
  verbs: [create, update, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [delete]
- apiGroups: [apps]
  resources: [statefulsets, daemonsets]
  verbs: [create, update, patch, delete]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [create, update, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end }}

{{- define "dash-portal.administratorRules" -}}
# Gives others these roles in the namespace: nobody gives more than they have.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end }}

{{/*
What the portal's own account may do in a namespace, where Kubernetes decides: read what it shows, and
keep a record of operations. Everything else it does as a person.
*/}}
{{- define "dash-portal.readRules" -}}
{{ include "dash-portal.viewerRules" . }}
{{- if and .Values.settings.loadTestImage (not .Values.settings.allowLogs) }}
# Load tests write there what they measure.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- end }}
# Helm's records tell which releases there are. RBAC cannot narrow this to metadata, or to Helm's.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
# A change of roles is shown at once; without this within seconds.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings, roles]
  verbs: [list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, update, delete]
{{- if eq .Values.authorization.impersonation "constrained" }}
# As a person, only what the roles of the chart allow (constrained impersonation).
{{- $roles := list "viewer" "launcher" "maintainer" }}
{{- if .Values.authorization.grantRoles }}{{ $roles = append $roles "administrator" }}{{ end }}
{{- range $roles }}
{{- range include (printf "dash-portal.%sRules" .) $ | fromYamlArray }}
{{- $verbs := list }}
{{- range .verbs }}{{ $verbs = append $verbs (printf "impersonate-on:user-info:%s" .) }}{{ end }}
{{ toYaml (list (dict "apiGroups" .apiGroups "resources" .resources "verbs" $verbs)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What a project is made of; it is applied, which takes "create" and "patch". */}}
{{- define "dash-portal.projectRules" -}}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, create, patch]
- apiGroups: [""]
  resources: [resourcequotas, limitranges]
  verbs: [get, create, patch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, create, patch]
{{- end }}

{{/* Who gives people the chart's roles in a project, and no other ones. */}}
{{- define "dash-portal.bindRules" -}}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [get, create, patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  verbs: [bind]
  resourceNames:
    {{- if .Values.authorization.createRoles }}
    {{- range list "viewer" "launcher" "maintainer" "administrator" }}
    - {{ include "dash-portal.clusterName" $ }}-{{ . }}
    {{- end }}
    {{- else }}
    {{- list "view" "edit" "admin" | toYaml | nindent 4 }}
    {{- end }}
{{- end }}

{{/* As whom the portal's own account may act. */}}
{{- define "dash-portal.impersonationRules" -}}
{{- $constrained := eq .Values.authorization.impersonation "constrained" }}
{{- $group := ternary "authentication.k8s.io" "" $constrained }}
{{- $verb := ternary "impersonate:user-info" "impersonate" $constrained }}
- apiGroups: [{{ $group | quote }}]
  resources: [users]
  verbs: [{{ $verb | quote }}]
  {{- with .Values.authorization.users }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with .Values.authorization.groups }}
- apiGroups: [{{ $group | quote }}]
  resources: [groups]
  verbs: [{{ $verb | quote }}]
  resourceNames:
    {{- toYaml . | nindent 4 }}
{{- end }}
# Each call for an operation tells its id, which the API server's audit log then has.
- apiGroups: [authentication.k8s.io]
  resources: [userextras/dash-portal.io/operation]
  verbs: [{{ $verb | quote }}]
{{- if $constrained }}
- apiGroups: [authorization.k8s.io]
  resources: [selfsubjectrulesreviews, selfsubjectaccessreviews]
  verbs: ["impersonate-on:user-info:create"]
{{- if .Values.projects.enabled }}
# Projects, as whoever may make them.
{{- range include "dash-portal.projectRules" . | fromYamlArray }}
{{- $verbs := list }}
{{- range .verbs }}{{ $verbs = append $verbs (printf "impersonate-on:user-info:%s" .) }}{{ end }}
{{ toYaml (list (dict "apiGroups" .apiGroups "resources" .resources "verbs" $verbs)) }}
{{- end }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: ["impersonate-on:user-info:delete"]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: ["impersonate-on:user-info:get", "impersonate-on:user-info:create", "impersonate-on:user-info:patch"]
{{- end }}
# Helm asks which APIs there are.
- nonResourceURLs: [/api, /api/*, /apis, /apis/*, /openapi, /openapi/*, /version, /version/]
  verbs: ["impersonate-on:user-info:get"]
{{- end }}
{{- end }}

{{- define "dash-portal.checkAuthorization" -}}
{{- if and (eq .Values.authorization.mode "kubernetes") (eq .Values.auth.mode "none") -}}
{{- fail "authorization.mode: kubernetes needs people who sign in: set auth.mode as well." -}}
{{- end -}}
{{- if and .Values.authorization.grantRoles (eq .Values.authorization.mode "kubernetes") (not (and .Values.rbac.create .Values.authorization.createRoles)) -}}
{{- fail "authorization.grantRoles gives the chart's roles: set rbac.create and authorization.createRoles as well." -}}
{{- end -}}
{{- if and .Values.projects.enabled (or (eq .Values.auth.mode "none") (not .Values.clusterWide)) -}}
{{- fail "projects.enabled needs people who sign in (auth.mode), and clusterWide: true, since the portal would not work in a new namespace." -}}
{{- end -}}
{{- if and .Values.projects.personal (not (and .Values.projects.enabled (eq .Values.authorization.mode "kubernetes"))) -}}
{{- fail "projects.personal needs projects.enabled, and authorization.mode: kubernetes." -}}
{{- end -}}
{{- end }}
