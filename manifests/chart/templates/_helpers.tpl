{{- define "carrel.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What the pods of this release are found by; never to be changed, for a Deployment's selector cannot be. */}}
{{- define "carrel.selector" -}}
app.kubernetes.io/name: carrel
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "carrel.labels" -}}
app.kubernetes.io/name: carrel
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: carrel
{{- end }}

{{- define "carrel.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "carrel.fullname" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* The operator as the API server knows it. */}}
{{- define "carrel.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "carrel.account" . }}
{{- end }}

{{- define "carrel.subject" -}}
- kind: ServiceAccount
  name: {{ include "carrel.account" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Where sessions are isolated, as words with blanks between them. */}}
{{- define "carrel.sessionNamespaces" -}}
{{- $home := .Values.namespace | default .Release.Namespace }}
{{- prepend .Values.sessionNetworkPolicy.namespaces $home | uniq | join " " }}
{{- end }}

{{- define "carrel.sessionPods" -}}
app.kubernetes.io/name: carrel-session
app.kubernetes.io/managed-by: carrel
{{- end }}

{{/* What the operator does, and nothing else: test/e2e/install.py holds each line against the audit log. */}}
{{- define "carrel.rules" -}}
- apiGroups: [carrel.dev]
  resources: [sessions, templates, connections, templaterepositories]
  verbs: [list, watch]
- apiGroups: [carrel.dev]
  resources: [sessions]
  verbs: [get, patch, delete] # hibernates when the time is over, deletes after the retention
- apiGroups: [carrel.dev]
  resources: [connections]
  verbs: [patch, delete] # gets its Session as owner; to give one, some servers ask whether we might delete it
- apiGroups: [carrel.dev]
  resources: [sessions/status, templates/status, connections/status, templaterepositories/status]
  verbs: [patch]
- apiGroups: [carrel.dev]
  resources: [sessions/finalizers]
  verbs: [update] # the same servers (OwnerReferencesPermissionEnforcement, OpenShift), of owners that block
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, get, create, patch, delete]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [list, watch, get, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, get, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list, watch, get, create, patch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, create] # never deleted
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* A binding of admission reaches as far as the operator does, so that two operators do not rule each other's. */}}
{{- define "carrel.servedNamespaces" -}}
{{- with .Values.namespace }}
matchResources:
  namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . }}
{{- end }}
{{- end }}
