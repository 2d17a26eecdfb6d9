//! peer-rs [--concurrency N] [--headless] [--hash]: an operator on kube-rs.
//!
//! As it is written in kube-rs's own examples: Controller, owns() for each kind of child, server-side
//! apply of all of them at each reconcile, a status apply where it changed. With --hash as fast as
//! kube-rs lets one be: children in stores trimmed to their metadata, nothing sent for one that
//! carries the wanted hash, POST for one that is absent, the three of them at once, a merge patch for
//! the status, and no reconcile for news of our own writes.
mod kinds;
mod objects;

use futures::{Stream, StreamExt, future::ready};
use k8s_openapi::api::{apps::v1::{Deployment, DeploymentStatus}, core::v1::Service, networking::v1::Ingress};
use kinds::{Session, Template};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, predicates, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use objects::{HASH_KEY, MANAGED_BY, Plan};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::{fmt::Debug, sync::Arc, time::Duration};

#[derive(thiserror::Error, Debug)]
enum Error {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error("a store has ended")]
    Store,
    #[error("there is no template {0}")]
    NoTemplate(String),
}

struct Stores {
    deployments: Store<Deployment>,
    services: Store<PartialObjectMeta<Service>>,
    ingresses: Store<PartialObjectMeta<Ingress>>,
}

struct Context {
    client: Client,
    headless: bool,
    templates: Store<Template>,
    stores: Option<Stores>, // with --hash only
}

fn params() -> PatchParams {
    PatchParams::apply("peer-rs").force()
}

impl Context {
    fn api<K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>>(&self, ns: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), ns)
    }
}

fn hash_of(meta: &ObjectMeta) -> Option<&str> {
    meta.annotations.as_ref()?.get(HASH_KEY).map(String::as_str)
}

/// Brings one child to what it should be; `there` is the hash of the one in the store, if there is one.
async fn put<K>(api: Api<K>, name: &str, there: Option<Option<String>>, want: &str, body: impl Fn() -> Value) -> Result<(), Error>
where
    K: Clone + Debug + DeserializeOwned + serde::Serialize,
{
    if there.as_ref().is_some_and(|h| h.as_deref() == Some(want)) {
        return Ok(());
    }
    let body = body();
    if there.is_none() {
        let object: K = serde_json::from_value(body.clone()).map_err(kube::Error::SerdeError)?;
        match api.create(&PostParams { field_manager: Some("peer-rs".into()), ..Default::default() }, &object).await {
            Err(kube::Error::Api(e)) if e.code == 409 => {}
            other => return other.map(|_| ()).map_err(Error::Kube),
        }
    }
    api.patch(name, &params(), &Patch::Apply(body)).await?;
    Ok(())
}

/// Only what differs from the stores is sent; how many replicas are ready.
async fn put_all(p: &Plan<'_>, ctx: &Context, stores: &Stores, ns: &str) -> Result<i32, Error> {
    let (name, want) = (p.name(), p.hash());
    let d = stores.deployments.get(&ObjectRef::new(&name).within(ns));
    let s = stores.services.get(&ObjectRef::new(&name).within(ns));
    let i = stores.ingresses.get(&ObjectRef::new(&name).within(ns));
    let hash = |meta: &ObjectMeta| hash_of(meta).map(str::to_string);
    futures::try_join!(
        put::<Deployment>(ctx.api(ns), &name, d.as_ref().map(|o| hash(o.meta())), &want, || p.deployment()),
        put::<Service>(ctx.api(ns), &name, s.as_ref().map(|o| hash(o.meta())), &want, || p.service()),
        put::<Ingress>(ctx.api(ns), &name, i.as_ref().map(|o| hash(o.meta())), &want, || p.ingress()),
    )?;
    Ok(d.and_then(|d| d.status.as_ref()?.ready_replicas).unwrap_or(0))
}

/// Everything is applied, each time.
async fn apply_all(p: &Plan<'_>, ctx: &Context, ns: &str) -> Result<i32, Error> {
    let name = p.name();
    let d = ctx.api::<Deployment>(ns).patch(&name, &params(), &Patch::Apply(p.deployment())).await?;
    ctx.api::<Service>(ns).patch(&name, &params(), &Patch::Apply(p.service())).await?;
    ctx.api::<Ingress>(ns).patch(&name, &params(), &Patch::Apply(p.ingress())).await?;
    Ok(d.status.and_then(|s| s.ready_replicas).unwrap_or(0))
}

async fn reconcile(s: Arc<Session>, ctx: Arc<Context>) -> Result<Action, Error> {
    ctx.templates.wait_until_ready().await.map_err(|_| Error::Store)?;
    let ns = s.namespace().unwrap_or_default();
    let t = ctx.templates.get(&ObjectRef::new(&s.spec.template).within(&ns));
    let t = t.ok_or_else(|| Error::NoTemplate(s.spec.template.clone()))?;
    let p = Plan { s: &s, t: &t, headless: ctx.headless };
    let ready = match &ctx.stores {
        None => apply_all(&p, &ctx, &ns).await?,
        Some(stores) => {
            stores.deployments.wait_until_ready().await.map_err(|_| Error::Store)?;
            stores.services.wait_until_ready().await.map_err(|_| Error::Store)?;
            stores.ingresses.wait_until_ready().await.map_err(|_| Error::Store)?;
            put_all(&p, &ctx, stores, &ns).await?
        }
    };
    if let Some(status) = p.status(ready) {
        let sessions = ctx.api::<Session>(&ns);
        if ctx.stores.is_some() {
            let merge = Patch::Merge(json!({"status": status}));
            sessions.patch_status(&s.name_any(), &PatchParams::default(), &merge).await?;
        } else {
            let apply = Patch::Apply(json!({"apiVersion": "carrel.dev/v1alpha1", "kind": "Session", "status": status}));
            sessions.patch_status(&s.name_any(), &params(), &apply).await?;
        }
    }
    Ok(Action::await_change())
}

/// Of the events of a kind those that are news: a deletion, or a change of what `look` sees of an
/// object that was there before. One that appears is one that we have made.
fn news<K: Resource<DynamicType = ()>>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>>, look: impl Fn(&K) -> String,
) -> impl Stream<Item = watcher::Result<K>> {
    let mut seen: HashMap<String, String> = HashMap::new();
    events.filter_map(move |event| {
        let uid = |o: &K| o.meta().uid.clone().unwrap_or_default();
        ready(match event {
            Ok(watcher::Event::Apply(o)) => {
                let now = look(&o);
                seen.insert(uid(&o), now.clone()).filter(|before| *before != now).map(|_| Ok(o))
            }
            Ok(watcher::Event::InitApply(o)) => {
                seen.insert(uid(&o), look(&o));
                None
            }
            Ok(watcher::Event::Delete(o)) => {
                seen.remove(&uid(&o));
                Some(Ok(o))
            }
            Ok(_) => None,
            Err(e) => Some(Err(e)),
        })
    })
}

fn trim_meta(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    meta.labels = None;
    if let Some(a) = meta.annotations.as_mut() {
        a.retain(|k, _| k == HASH_KEY);
    }
}

fn trim(d: &mut Deployment) {
    trim_meta(&mut d.metadata);
    d.spec = None;
    let ready_replicas = d.status.as_ref().and_then(|s| s.ready_replicas);
    d.status = Some(DeploymentStatus { ready_replicas, ..Default::default() });
}

/// The controller of --hash and its stores.
fn tuned(client: &Client) -> (Controller<Session>, Stores) {
    let all = watcher::Config::default().streaming_lists();
    let mine = all.clone().labels(&format!("app.kubernetes.io/managed-by={MANAGED_BY}"));
    let (sessions, session_writer) = reflector::store();
    let (deployments, deployment_writer) = reflector::store();
    let (services, service_writer) = reflector::store();
    let (ingresses, ingress_writer) = reflector::store();
    let parents = watcher(Api::<Session>::all(client.clone()), all).default_backoff()
        .modify(|s| s.metadata.managed_fields = None)
        .reflect(session_writer).applied_objects()
        .predicate_filter(predicates::generation, Default::default());
    let d = watcher(Api::<Deployment>::all(client.clone()), mine.clone()).default_backoff()
        .modify(trim).reflect(deployment_writer);
    let s = watcher(Api::<PartialObjectMeta<Service>>::all(client.clone()), mine.clone()).default_backoff()
        .modify(|s| trim_meta(&mut s.metadata)).reflect(service_writer);
    let i = watcher(Api::<PartialObjectMeta<Ingress>>::all(client.clone()), mine).default_backoff()
        .modify(|i| trim_meta(&mut i.metadata)).reflect(ingress_writer);
    let controller = Controller::for_stream(parents, sessions)
        .owns_stream(news(d, |d| format!("{:?}{:?}", hash_of(&d.metadata), d.status.as_ref().and_then(|s| s.ready_replicas))))
        .owns_stream(news(s, |s| format!("{:?}", hash_of(&s.metadata))))
        .owns_stream(news(i, |i| format!("{:?}", hash_of(&i.metadata))));
    (controller, Stores { deployments, services, ingresses })
}

fn idiomatic(client: &Client) -> Controller<Session> {
    let mine = watcher::Config::default().labels(&format!("app.kubernetes.io/managed-by={MANAGED_BY}"));
    Controller::new(Api::<Session>::all(client.clone()), watcher::Config::default())
        .owns(Api::<Deployment>::all(client.clone()), mine.clone())
        .owns(Api::<Service>::all(client.clone()), mine.clone())
        .owns(Api::<Ingress>::all(client.clone()), mine)
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let has = |word: &str| args.iter().any(|a| a == word);
    let concurrency = args.iter().position(|a| a == "--concurrency").and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(16);
    let client = Client::try_default().await.expect("a cluster");
    let (templates, template_writer) = reflector::store();
    let stream = watcher(Api::<Template>::all(client.clone()), watcher::Config::default()).default_backoff().reflect(template_writer);
    tokio::spawn(stream.for_each(|_| ready(())));
    let (controller, stores) = if has("--hash") {
        let (controller, stores) = tuned(&client);
        (controller, Some(stores))
    } else {
        (idiomatic(&client), None)
    };
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("a signal handler");
    let failed = |_: Arc<Session>, e: &Error, _: Arc<Context>| {
        eprintln!("error: {e}");
        Action::requeue(Duration::from_secs(1))
    };
    controller
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(async move { term.recv().await.unwrap_or(()) })
        .run(reconcile, failed, Arc::new(Context { client, headless: has("--headless"), templates, stores }))
        .for_each(|_| ready(()))
        .await;
}
