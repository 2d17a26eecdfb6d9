// tuned is an operator as fast as controller-runtime lets one be: children that are absent from the
// cache are POSTed (protobuf), all three at once; a hash in an annotation spares every apply that
// would change nothing; caches hold what is needed and no more (metadata of Services and Ingresses,
// no managed fields, Deployments without their spec, all chosen by label); events of our own writes
// wake nobody; one merge patch writes the status.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"carrel.dev/bench/peers/session"
)

const owner = "peer-tuned"

type reconciler struct {
	client.Client
	hash, create, headless bool
}

type child struct {
	cached client.Object                   // what the cache keeps of its kind
	want   func(hash string) client.Object // made only when it is sent
}

func metadata(version, kind string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: version, Kind: kind}}
}

// put brings one child to what it should be; nothing is sent for one that carries the hash already.
func (r *reconciler) put(ctx context.Context, p session.Plan, hash string, c child) error {
	err := r.Get(ctx, types.NamespacedName{Namespace: p.S.Namespace, Name: p.Name()}, c.cached)
	if err == nil && r.hash && c.cached.GetAnnotations()[session.HashKey] == hash {
		return nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err != nil && r.create {
		if err := r.Create(ctx, c.want(hash), client.FieldOwner(owner)); err == nil || !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	body, err := json.Marshal(c.want(hash))
	if err != nil {
		return err
	}
	return r.Patch(ctx, c.want(hash), client.RawPatch(types.ApplyPatchType, body), client.FieldOwner(owner), client.ForceOwnership)
}

func (r *reconciler) children(ctx context.Context, p session.Plan, d *appsv1.Deployment) error {
	hash := p.Hash()
	all := []child{
		{d, func(h string) client.Object { return p.Deployment(h) }},
		{metadata("v1", "Service"), func(h string) client.Object { return p.Service(h) }},
		{metadata("networking.k8s.io/v1", "Ingress"), func(h string) client.Object { return p.Ingress(h) }},
	}
	var wait sync.WaitGroup
	errs := make([]error, len(all))
	for i := range all {
		wait.Go(func() { errs[i] = r.put(ctx, p, hash, all[i]) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var s session.Session
	if err := r.Get(ctx, req.NamespacedName, &s, client.UnsafeDisableDeepCopy); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var t session.Template
	if err := r.Get(ctx, types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.Template}, &t, client.UnsafeDisableDeepCopy); err != nil {
		return ctrl.Result{}, err
	}
	p := session.Plan{S: &s, T: &t, Headless: r.headless}
	var d appsv1.Deployment
	if err := r.children(ctx, p, &d); err != nil {
		return ctrl.Result{}, err
	}
	phase, _ := p.Phase(d.Status.ReadyReplicas)
	if s.Status.Phase == phase && s.Status.ObservedGeneration == s.Generation {
		return ctrl.Result{}, nil
	}
	patch, err := session.StatusPatch(p.Status(d.Status.ReadyReplicas, time.Now()))
	if err != nil {
		return ctrl.Result{}, err
	}
	target := &session.Session{ObjectMeta: metav1.ObjectMeta{Name: s.Name, Namespace: s.Namespace}}
	return ctrl.Result{}, r.Status().Patch(ctx, target, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(owner))
}

// trim leaves of a cached object what Reconcile looks at.
func trim(object any) (any, error) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		o.ManagedFields, o.Labels = nil, nil
		o.Annotations = map[string]string{session.HashKey: o.Annotations[session.HashKey]}
		o.Spec, o.Status = appsv1.DeploymentSpec{}, appsv1.DeploymentStatus{ReadyReplicas: o.Status.ReadyReplicas}
	case *metav1.PartialObjectMetadata:
		o.ManagedFields, o.Labels = nil, nil
	}
	return object, nil
}

func manager(concurrency int, r *reconciler) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), session.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	config := ctrl.GetConfigOrDie()
	config.QPS = -1
	mine := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": session.ManagedBy}), Transform: trim}
	mgr, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme,
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Cache: cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}: mine, &corev1.Service{}: mine, &netv1.Ingress{}: mine}}})
	if err != nil {
		return nil, err
	}
	r.Client = mgr.GetClient()
	if _, err := mgr.GetCache().GetInformer(context.Background(), &session.Template{}); err != nil {
		return nil, err
	}
	// a child that appears is one that we have made; the Session itself is looked at in any case
	news := builder.WithPredicates(predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }})
	return mgr, ctrl.NewControllerManagedBy(mgr).
		For(&session.Session{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.Deployment{}, news).Owns(&corev1.Service{}, builder.OnlyMetadata, news).
		Owns(&netv1.Ingress{}, builder.OnlyMetadata, news).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).Complete(r)
}

func main() {
	r := &reconciler{}
	concurrency := flag.Int("concurrency", 16, "reconciles at once")
	flag.BoolVar(&r.hash, "hash", true, "send nothing for a child whose annotation carries the wanted hash")
	flag.BoolVar(&r.create, "create", true, "POST a child that is absent from the cache; false: always apply")
	flag.BoolVar(&r.headless, "headless", false, "Services without a cluster address")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseDevMode(false)))
	mgr, err := manager(*concurrency, r)
	if err == nil {
		err = mgr.Start(ctrl.SetupSignalHandler())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
