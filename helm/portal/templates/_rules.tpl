{{/*
What the portal may do in a namespace it works in. The same rules make the ClusterRole of a
cluster-wide portal and the Roles of one that is limited to a list of namespaces.
*/}}
{{- define "dash-portal.namespaceRules" -}}
# Watched, to be shown.
- apiGroups: [""]
  resources: [pods, events, resourcequotas]
  verbs: [get, list, watch]
# An uninstall says which volumes it leaves, the launch form which there are to mount.
# The page of objects reads those of a release one by one.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list]
# It says which Jobs of hooks it leaves, too.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list]
- apiGroups: [apps]
  resources: [replicasets, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
{{- if .Values.settings.loadTestImage }}
# Load tests: made, and stopped by their deadline. Kubernetes deletes them.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, patch]
{{- end }}
{{- if or .Values.settings.allowLogs .Values.settings.loadTestImage }}
# Shown to those who may change an app; load tests write there what they measure.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- end }}
# A restart writes into their pod template.
- apiGroups: [apps]
  resources: [statefulsets, daemonsets]
  verbs: [patch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways]
  verbs: [get, list, watch]
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [get, list]
# Shown where the cluster has them: what scales apps beside Kubernetes itself.
{{ include "dash-portal.scalerRules" . }}
# The launch form says so when a namespace does not exist.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
# One operation at a time on each release, and its record.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, update, delete]
# An app may use what is labelled as shared. Helm may keep a release in a ConfigMap (HELM_DRIVER),
# and an uninstall says which ones it leaves.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list]
# Helm keeps each revision of a release in a Secret. Those that images are pulled with are got by name.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, patch, delete]
# What the app chart is made of: Helm creates, patches and deletes these.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, update, patch, delete]
{{- include "dash-portal.execRules" . }}
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}
