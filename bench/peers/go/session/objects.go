package session

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	// ManagedBy is the value of the label by which children are found.
	ManagedBy = "peer"
	// HashKey is the annotation that says what a child was made from.
	HashKey = "peer.carrel.dev/intent"
	// StartKey is the annotation that records a start.
	StartKey = "peer.carrel.dev/start"

	domain = "sessions.example.com"
)

// Plan is one Session with its Template, and what follows from both.
type Plan struct {
	S        *Session
	T        *Template
	Headless bool
}

func (p Plan) Name() string     { return "ss-" + p.S.Name }
func (p Plan) Host() string     { return p.S.Name + "." + domain }
func (p Plan) Revision() string { return p.T.Name + "-" + strconv.FormatInt(p.T.Generation, 10) }

func (p Plan) Port() int32 {
	if len(p.T.Spec.Ports) > 0 {
		return p.T.Spec.Ports[0].ContainerPort
	}
	return 3000
}

func (p Plan) Replicas() int32 {
	if p.S.Spec.State == "" || p.S.Spec.State == "running" {
		return 1
	}
	return 0
}

// Hash is of all that the children depend on.
func (p Plan) Hash() string {
	f := fnv.New64a()
	fmt.Fprintf(f, "%s|%s|%s|%s|%d|%t", p.S.UID, p.S.Spec.User, p.S.Spec.Template, p.S.Spec.State, p.T.Generation, p.Headless)
	for _, e := range p.S.Spec.Env {
		fmt.Fprintf(f, "|%s=%s", e.Name, e.Value)
	}
	return strconv.FormatUint(f.Sum64(), 16) + ".1"
}

func (p Plan) Labels() map[string]string {
	return map[string]string{
		"app.kubernetes.io/name": "carrel-session", "app.kubernetes.io/instance": p.S.Name,
		"app.kubernetes.io/part-of": "carrel", "app.kubernetes.io/managed-by": ManagedBy,
		"carrel.dev/session": p.S.Name, "carrel.dev/user": p.S.Spec.User, "carrel.dev/template": p.S.Spec.Template,
		"session": p.S.Name, "user": p.S.Spec.User, "template": p.S.Spec.Template,
	}
}

func (p Plan) Selector() map[string]string { return map[string]string{"carrel.dev/session": p.S.Name} }

func (p Plan) PodAnnotations() map[string]string {
	return map[string]string{
		"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true",
		"carrel.dev/session-uid": string(p.S.UID),
	}
}

// Start is the record of a start that a child carries, as long as the one of Carrel.
func (p Plan) Start() string {
	return fmt.Sprintf(`{"revision":%q,"renderer":1,"at":%q,"spec":{"persistentHome":false}}`,
		p.Revision(), p.S.CreationTimestamp.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// Meta is the metadata of each child; the hash stands in it where there is one.
func (p Plan) Meta(hash string) metav1.ObjectMeta {
	yes := true
	m := metav1.ObjectMeta{Name: p.Name(), Namespace: p.S.Namespace, Labels: p.Labels(),
		OwnerReferences: []metav1.OwnerReference{{APIVersion: groupVersion.String(), Kind: "Session", Name: p.S.Name,
			UID: p.S.UID, Controller: &yes, BlockOwnerDeletion: &yes}}}
	if hash != "" {
		m.Annotations = map[string]string{HashKey: hash}
	}
	return m
}

func (p Plan) Container() corev1.Container {
	no, port := false, p.Port()
	env := append([]corev1.EnvVar{{Name: "CARREL_SESSION", Value: p.S.Name}, {Name: "CARREL_USER", Value: p.S.Spec.User},
		{Name: "CARREL_BASE_PATH", Value: "/"}, {Name: "PORT", Value: strconv.Itoa(int(port))}}, p.T.Spec.Env...)
	return corev1.Container{
		Name: "session", Image: p.T.Spec.BaseImage, ImagePullPolicy: corev1.PullIfNotPresent,
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		Ports:                    []corev1.ContainerPort{{Name: "http", ContainerPort: port, Protocol: corev1.ProtocolTCP}},
		Env:                      append(env, p.S.Spec.Env...),
		Resources:                p.T.Spec.DefaultResources,
		SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Privileged: &no,
			ReadOnlyRootFilesystem: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
			TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(port)}},
			PeriodSeconds: 2, TimeoutSeconds: 2, FailureThreshold: 3, SuccessThreshold: 1},
	}
}

// Pod sets in a pod's spec what a session needs, and leaves the server's defaults alone.
func (p Plan) Pod(spec *corev1.PodSpec) {
	no, yes, grace := false, true, int64(10)
	spec.AutomountServiceAccountToken, spec.EnableServiceLinks = &no, &no
	spec.TerminationGracePeriodSeconds = &grace
	if spec.SecurityContext == nil {
		spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	spec.SecurityContext.RunAsNonRoot = &yes
	spec.SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
}

func (p Plan) Deployment(hash string) *appsv1.Deployment {
	replicas, history := p.Replicas(), int32(1)
	d := &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: p.Meta(hash),
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, RevisionHistoryLimit: &history,
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: p.Selector()},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: p.Labels(), Annotations: p.PodAnnotations()}}}}
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[StartKey] = p.Start()
	p.Pod(&d.Spec.Template.Spec)
	d.Spec.Template.Spec.Containers = []corev1.Container{p.Container()}
	return d
}

func (p Plan) ServicePorts() []corev1.ServicePort {
	return []corev1.ServicePort{{Name: "http", Port: p.Port(), TargetPort: intstr.FromInt32(p.Port()), Protocol: corev1.ProtocolTCP}}
}

func (p Plan) Service(hash string) *corev1.Service {
	s := &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: p.Meta(hash),
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: p.Selector(), Ports: p.ServicePorts()}}
	if p.Headless {
		s.Spec.ClusterIP = corev1.ClusterIPNone
	}
	return s
}

func (p Plan) Rules() []netv1.IngressRule {
	prefix := netv1.PathTypePrefix
	backend := netv1.IngressBackend{Service: &netv1.IngressServiceBackend{Name: p.Name(), Port: netv1.ServiceBackendPort{Number: p.Port()}}}
	return []netv1.IngressRule{{Host: p.Host(), IngressRuleValue: netv1.IngressRuleValue{HTTP: &netv1.HTTPIngressRuleValue{
		Paths: []netv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: backend}}}}}}
}

func (p Plan) Ingress(hash string) *netv1.Ingress {
	return &netv1.Ingress{TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"},
		ObjectMeta: p.Meta(hash), Spec: netv1.IngressSpec{Rules: p.Rules()}}
}

// Phase says where a session with so many ready replicas stands, and why it is not ready.
func (p Plan) Phase(ready int32) (phase, reason string) {
	switch {
	case p.Replicas() == 0:
		return "Hibernated", "Hibernated"
	case ready > 0:
		return "Running", "Ready"
	}
	return "Pending", "Starting"
}

// Status is what the session should say, with the old transition times where nothing changed.
func (p Plan) Status(ready int32, now time.Time) SessionStatus {
	phase, reason := p.Phase(ready)
	old := p.S.Status
	started := old.StartedAt
	if started == nil {
		started = &metav1.Time{Time: now}
	}
	status := SessionStatus{Phase: phase, URL: "https://" + p.Host() + "/", StartedAt: started,
		TemplateRevision: p.Revision(), ObservedGeneration: p.S.Generation, Idle: &IdleStatus{BlockedBy: "NoActivitySource"}}
	truth := func(b bool) metav1.ConditionStatus {
		if b {
			return metav1.ConditionTrue
		}
		return metav1.ConditionFalse
	}
	work := reason
	if ready > 0 {
		work = "PodReady"
	}
	for _, c := range []metav1.Condition{
		{Type: "TemplateResolved", Status: metav1.ConditionTrue, Reason: "Resolved"},
		{Type: "StorageReady", Status: metav1.ConditionTrue, Reason: "NotNeeded"},
		{Type: "WorkloadReady", Status: truth(ready > 0), Reason: work},
		{Type: "RouteReady", Status: metav1.ConditionTrue, Reason: "Routed"},
		{Type: "Saved", Status: metav1.ConditionTrue, Reason: "NotNeeded"},
		{Type: "Stalled", Status: metav1.ConditionFalse, Reason: "NotStalled"},
		{Type: "Ready", Status: truth(reason == "Ready"), Reason: reason},
	} {
		c.ObservedGeneration, c.LastTransitionTime = p.S.Generation, metav1.Time{Time: now}
		for i := range old.Conditions {
			if o := &old.Conditions[i]; o.Type == c.Type && o.Status == c.Status {
				c.LastTransitionTime = o.LastTransitionTime
			}
		}
		status.Conditions = append(status.Conditions, c)
	}
	return status
}

// StatusPatch is a merge patch that writes the status, and nothing else.
func StatusPatch(status SessionStatus) ([]byte, error) {
	return json.Marshal(map[string]any{"status": status})
}
