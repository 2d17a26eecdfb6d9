// Package session holds what both operators share: the kinds of carrel.dev/v1alpha1 with the fields
// that they use, and what one Session becomes.
package session

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "carrel.dev", Version: "v1alpha1"}

// AddToScheme makes the kinds known to a client.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(groupVersion, &Session{}, &SessionList{}, &Template{}, &TemplateList{})
	metav1.AddToGroupVersion(s, groupVersion)
	return nil
}

type SessionSpec struct {
	User           string          `json:"user"`
	Template       string          `json:"template"`
	State          string          `json:"state,omitempty"`
	PersistentHome *bool           `json:"persistentHome,omitempty"`
	Env            []corev1.EnvVar `json:"env,omitempty"`
}

type IdleStatus struct {
	BlockedBy string `json:"blockedBy,omitempty"`
}

type SessionStatus struct {
	Phase              string             `json:"phase,omitempty"`
	URL                string             `json:"url,omitempty"`
	StartedAt          *metav1.Time       `json:"startedAt,omitempty"`
	TemplateRevision   string             `json:"templateRevision,omitempty"`
	TemplateBehind     bool               `json:"templateBehind"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Idle               *IdleStatus        `json:"idle,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type Session struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              SessionSpec   `json:"spec,omitempty"`
	Status            SessionStatus `json:"status,omitempty"`
}

type SessionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Session `json:"items"`
}

type Port struct {
	Name          string `json:"name"`
	ContainerPort int32  `json:"containerPort"`
}

type TemplateSpec struct {
	BaseImage        string                      `json:"baseImage"`
	Ports            []Port                      `json:"ports,omitempty"`
	Env              []corev1.EnvVar             `json:"env,omitempty"`
	DefaultResources corev1.ResourceRequirements `json:"defaultResources,omitempty"`
}

type Template struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              TemplateSpec `json:"spec,omitempty"`
}

type TemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Template `json:"items"`
}

func (in *SessionStatus) DeepCopy() *SessionStatus {
	out := *in
	out.Conditions = append([]metav1.Condition(nil), in.Conditions...)
	out.StartedAt = in.StartedAt.DeepCopy()
	if in.Idle != nil {
		idle := *in.Idle
		out.Idle = &idle
	}
	return &out
}

func (in *Session) DeepCopyInto(out *Session) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if in.Spec.PersistentHome != nil {
		home := *in.Spec.PersistentHome
		out.Spec.PersistentHome = &home
	}
	out.Spec.Env = copyEnv(in.Spec.Env)
	out.Status = *in.Status.DeepCopy()
}

func (in *Session) DeepCopyObject() runtime.Object {
	out := new(Session)
	in.DeepCopyInto(out)
	return out
}

func (in *SessionList) DeepCopyObject() runtime.Object {
	out := &SessionList{TypeMeta: in.TypeMeta, Items: make([]Session, len(in.Items))}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}

func copyEnv(in []corev1.EnvVar) []corev1.EnvVar {
	if in == nil {
		return nil
	}
	out := make([]corev1.EnvVar, len(in))
	for i := range in {
		in[i].DeepCopyInto(&out[i])
	}
	return out
}

func (in *Template) DeepCopyInto(out *Template) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Ports = append([]Port(nil), in.Spec.Ports...)
	out.Spec.Env = copyEnv(in.Spec.Env)
	in.Spec.DefaultResources.DeepCopyInto(&out.Spec.DefaultResources)
}

func (in *Template) DeepCopyObject() runtime.Object {
	out := new(Template)
	in.DeepCopyInto(out)
	return out
}

func (in *TemplateList) DeepCopyObject() runtime.Object {
	out := &TemplateList{TypeMeta: in.TypeMeta, Items: make([]Template, len(in.Items))}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}
