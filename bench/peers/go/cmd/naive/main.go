// naive is an operator as kubebuilder's book has one write it: For, Owns for each kind of child,
// CreateOrUpdate for each child with its fields set one by one, Status().Update.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"carrel.dev/bench/peers/session"
)

type reconciler struct {
	client.Client
	scheme   *runtime.Scheme
	headless bool
}

func (r *reconciler) deployment(ctx context.Context, p session.Plan) (*appsv1.Deployment, error) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: p.Name(), Namespace: p.S.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, d, func() error {
		d.Labels = p.Labels()
		if d.Annotations == nil {
			d.Annotations = map[string]string{}
		}
		d.Annotations[session.StartKey] = p.Start()
		replicas, history := p.Replicas(), int32(1)
		d.Spec.Replicas, d.Spec.RevisionHistoryLimit = &replicas, &history
		d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
		if d.Spec.Selector == nil {
			d.Spec.Selector = &metav1.LabelSelector{MatchLabels: p.Selector()}
		}
		d.Spec.Template.Labels, d.Spec.Template.Annotations = p.Labels(), p.PodAnnotations()
		p.Pod(&d.Spec.Template.Spec)
		if len(d.Spec.Template.Spec.Containers) != 1 {
			d.Spec.Template.Spec.Containers = make([]corev1.Container, 1)
		}
		k, c := &d.Spec.Template.Spec.Containers[0], p.Container()
		k.Name, k.Image, k.ImagePullPolicy, k.TerminationMessagePolicy = c.Name, c.Image, c.ImagePullPolicy, c.TerminationMessagePolicy
		k.Ports, k.Env, k.Resources, k.SecurityContext, k.ReadinessProbe = c.Ports, c.Env, c.Resources, c.SecurityContext, c.ReadinessProbe
		return controllerutil.SetControllerReference(p.S, d, r.scheme)
	})
	return d, err
}

func (r *reconciler) service(ctx context.Context, p session.Plan) error {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: p.Name(), Namespace: p.S.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, s, func() error {
		s.Labels = p.Labels()
		s.Spec.Type, s.Spec.Selector, s.Spec.Ports = corev1.ServiceTypeClusterIP, p.Selector(), p.ServicePorts()
		if r.headless {
			s.Spec.ClusterIP = corev1.ClusterIPNone
		}
		return controllerutil.SetControllerReference(p.S, s, r.scheme)
	})
	return err
}

func (r *reconciler) ingress(ctx context.Context, p session.Plan) error {
	i := &netv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: p.Name(), Namespace: p.S.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, i, func() error {
		i.Labels = p.Labels()
		i.Spec.Rules = p.Rules()
		return controllerutil.SetControllerReference(p.S, i, r.scheme)
	})
	return err
}

func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var s session.Session
	if err := r.Get(ctx, req.NamespacedName, &s); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var t session.Template
	if err := r.Get(ctx, types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.Template}, &t); err != nil {
		return ctrl.Result{}, err
	}
	p := session.Plan{S: &s, T: &t, Headless: r.headless}
	d, err := r.deployment(ctx, p)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("deployment: %w", err)
	}
	if err := r.service(ctx, p); err != nil {
		return ctrl.Result{}, fmt.Errorf("service: %w", err)
	}
	if err := r.ingress(ctx, p); err != nil {
		return ctrl.Result{}, fmt.Errorf("ingress: %w", err)
	}
	status := p.Status(d.Status.ReadyReplicas, time.Now())
	if equality.Semantic.DeepEqual(s.Status, status) {
		return ctrl.Result{}, nil
	}
	s.Status = status
	return ctrl.Result{}, r.Status().Update(ctx, &s)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	r := &reconciler{}
	concurrency := flag.Int("concurrency", 16, "reconciles at once")
	flag.BoolVar(&r.headless, "headless", false, "Services without a cluster address")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseDevMode(false)))
	scheme := runtime.NewScheme()
	fail(clientgoscheme.AddToScheme(scheme))
	fail(session.AddToScheme(scheme))
	config := ctrl.GetConfigOrDie()
	config.QPS = -1
	mgr, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme,
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0"})
	fail(err)
	r.Client, r.scheme = mgr.GetClient(), mgr.GetScheme()
	_, err = mgr.GetCache().GetInformer(context.Background(), &session.Template{}) // filled before the first reconcile
	fail(err)
	fail(ctrl.NewControllerManagedBy(mgr).For(&session.Session{}).
		Owns(&appsv1.Deployment{}).Owns(&corev1.Service{}).Owns(&netv1.Ingress{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: *concurrency}).Complete(r))
	fail(mgr.Start(ctrl.SetupSignalHandler()))
}
