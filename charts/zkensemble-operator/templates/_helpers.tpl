{{- define "zkensemble-operator.name" -}}
{{- printf "%s-zkensemble-operator" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "zkensemble-operator.selector" -}}
app.kubernetes.io/name: zkensemble-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "zkensemble-operator.labels" -}}
{{ include "zkensemble-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: zkensemble
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "zkensemble-operator.serviceAccount" -}}
{{- default (include "zkensemble-operator.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "zkensemble-operator.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "zkensemble-operator.rules" -}}
# The ensembles: read them, write their status. The spec is the user's.
- apiGroups: [zkensemble.io]
  resources: [zkensembles]
  verbs: [get, list, watch]
- apiGroups: [zkensemble.io]
  resources: [zkensembles/status]
  verbs: [get, patch]
# For owner references that block the owner's deletion, where a cluster checks them.
- apiGroups: [zkensemble.io]
  resources: [zkensembles/finalizers]
  verbs: [update]
# What an ensemble is made of, by server-side apply. Deleted by the cluster with its owner.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: ['']
  resources: [services]
  verbs: [get, list, watch, create, patch]
# Configurations that no pod uses any more are removed.
- apiGroups: ['']
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# A budget goes when an ensemble does not want it any more.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# Pods are looked at, and restarted by eviction only: a budget always has its say.
- apiGroups: ['']
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: ['']
  resources: [pods/eviction]
  verbs: [create]
# Volumes grow. They are never deleted here.
- apiGroups: ['']
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch]
- apiGroups: ['']
  resources: [events]
  verbs: [create]
{{- end -}}
