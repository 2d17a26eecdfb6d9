//! The kinds of carrel.dev/v1alpha1 with the fields that are used here.
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize)]
#[kube(group = "carrel.dev", version = "v1alpha1", kind = "Session", namespaced, status = "SessionStatus", schema = "disabled")]
#[serde(rename_all = "camelCase")]
pub struct SessionSpec {
    pub user: String,
    pub template: String,
    #[serde(default)]
    pub state: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionStatus {
    pub phase: String,
    pub started_at: Option<String>,
    pub observed_generation: i64,
    pub conditions: Vec<Condition>,
}

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize)]
#[kube(group = "carrel.dev", version = "v1alpha1", kind = "Template", namespaced, schema = "disabled")]
#[serde(rename_all = "camelCase")]
pub struct TemplateSpec {
    pub base_image: String,
    #[serde(default)]
    pub ports: Vec<TemplatePort>,
    #[serde(default)]
    pub default_resources: ResourceRequirements,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplatePort {
    pub container_port: i32,
}
