//! What one Session becomes: three children and a status.
use crate::kinds::{Session, Template};
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

pub const MANAGED_BY: &str = "peer";
pub const HASH_KEY: &str = "peer.carrel.dev/intent";

pub struct Plan<'a> {
    pub s: &'a Session,
    pub t: &'a Template,
    pub headless: bool,
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Plan<'_> {
    pub fn name(&self) -> String {
        format!("ss-{}", self.s.name_any())
    }

    fn host(&self) -> String {
        format!("{}.sessions.example.com", self.s.name_any())
    }

    fn port(&self) -> i32 {
        self.t.spec.ports.first().map_or(3000, |p| p.container_port)
    }

    fn replicas(&self) -> i32 {
        if self.s.spec.state.is_empty() || self.s.spec.state == "running" { 1 } else { 0 }
    }

    fn revision(&self) -> String {
        format!("{}-{}", self.t.name_any(), self.t.meta().generation.unwrap_or(0))
    }

    pub fn hash(&self) -> String {
        let mut h = DefaultHasher::new();
        (&self.s.meta().uid, &self.s.spec.user, &self.s.spec.template, &self.s.spec.state).hash(&mut h);
        (self.t.meta().generation, self.headless).hash(&mut h);
        format!("{:x}.1", h.finish())
    }

    fn labels(&self) -> Value {
        let (n, u, t) = (self.s.name_any(), &self.s.spec.user, &self.s.spec.template);
        json!({"app.kubernetes.io/name": "carrel-session", "app.kubernetes.io/instance": n,
            "app.kubernetes.io/part-of": "carrel", "app.kubernetes.io/managed-by": MANAGED_BY,
            "carrel.dev/session": n, "carrel.dev/user": u, "carrel.dev/template": t,
            "session": n, "user": u, "template": t})
    }

    fn meta(&self, more: Value) -> Value {
        let mut annotations = more;
        annotations[HASH_KEY] = json!(self.hash());
        json!({"name": self.name(), "namespace": self.s.namespace(), "labels": self.labels(), "annotations": annotations,
            "ownerReferences": [self.s.controller_owner_ref(&())]})
    }

    pub fn deployment(&self) -> Value {
        let (n, port) = (self.s.name_any(), self.port());
        let at = self.s.creation_timestamp().map(|t| t.0.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
        let start = format!(r#"{{"revision":"{}","renderer":1,"at":"{}","spec":{{"persistentHome":false}}}}"#,
            self.revision(), at.unwrap_or_default());
        let container = json!({"name": "session", "image": self.t.spec.base_image, "imagePullPolicy": "IfNotPresent",
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
            "env": [{"name": "CARREL_SESSION", "value": n}, {"name": "CARREL_USER", "value": self.s.spec.user},
                {"name": "CARREL_BASE_PATH", "value": "/"}, {"name": "PORT", "value": port.to_string()}],
            "resources": self.t.spec.default_resources,
            "securityContext": {"allowPrivilegeEscalation": false, "privileged": false, "readOnlyRootFilesystem": false,
                "capabilities": {"drop": ["ALL"]}},
            "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 3}});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.meta(json!({"peer.carrel.dev/start": start})),
            "spec": {"replicas": self.replicas(), "revisionHistoryLimit": 1, "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {"carrel.dev/session": n}},
                "template": {"metadata": {"labels": self.labels(), "annotations": {
                        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true",
                        "carrel.dev/session-uid": self.s.uid()}},
                    "spec": {"containers": [container], "automountServiceAccountToken": false, "enableServiceLinks": false,
                        "terminationGracePeriodSeconds": 10,
                        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}}}}})
    }

    pub fn service(&self) -> Value {
        let mut spec = json!({"type": "ClusterIP", "selector": {"carrel.dev/session": self.s.name_any()},
            "ports": [{"name": "http", "port": self.port(), "targetPort": self.port(), "protocol": "TCP"}]});
        if self.headless {
            spec["clusterIP"] = json!("None");
        }
        json!({"apiVersion": "v1", "kind": "Service", "metadata": self.meta(json!({})), "spec": spec})
    }

    pub fn ingress(&self) -> Value {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": self.meta(json!({})),
            "spec": {"rules": [{"host": self.host(), "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": self.name(), "port": {"number": self.port()}}}}]}}]}})
    }

    fn condition(&self, kind: &str, truth: bool, reason: &str, now: &str) -> Value {
        let status = if truth { "True" } else { "False" };
        let old = self.s.status.as_ref().and_then(|s| s.conditions.iter().find(|c| c.type_ == kind && c.status == status));
        let since = old.map_or(json!(now), |c| json!(c.last_transition_time));
        json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": since,
            "observedGeneration": self.s.meta().generation})
    }

    /// The status to write, or None where the one there says the same.
    pub fn status(&self, ready: i32) -> Option<Value> {
        let (phase, reason) = match (self.replicas(), ready) {
            (0, _) => ("Hibernated", "Hibernated"),
            (_, 1..) => ("Running", "Ready"),
            _ => ("Pending", "Starting"),
        };
        let (old, generation) = (self.s.status.as_ref(), self.s.meta().generation.unwrap_or(0));
        if old.is_some_and(|o| o.phase == phase && o.observed_generation == generation) {
            return None;
        }
        let now = now();
        let started = old.and_then(|o| o.started_at.clone()).unwrap_or(now.clone());
        let up = ready > 0;
        let conditions = [("TemplateResolved", true, "Resolved"), ("StorageReady", true, "NotNeeded"),
            ("WorkloadReady", up, if up { "PodReady" } else { reason }), ("RouteReady", true, "Routed"),
            ("Saved", true, "NotNeeded"), ("Stalled", false, "NotStalled"), ("Ready", reason == "Ready", reason)]
        .map(|(kind, truth, why)| self.condition(kind, truth, why, &now));
        Some(json!({"phase": phase, "url": format!("https://{}/", self.host()), "startedAt": started,
            "templateRevision": self.revision(), "templateBehind": false, "observedGeneration": generation,
            "idle": {"blockedBy": "NoActivitySource"}, "conditions": conditions}))
    }
}
