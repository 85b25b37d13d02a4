package fleetwriter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/provision"
)

// What the leader does with the objects of fleets. Reading Secrets is not part of it: what was written is known from their metadata.
//
// +kubebuilder:rbac:roleName=contour-gateway-provisioner,groups="",resources=serviceaccounts;secrets;services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:roleName=contour-gateway-provisioner,groups=apps,resources=deployments;daemonsets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:roleName=contour-gateway-provisioner,groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:roleName=contour-gateway-provisioner,groups=gateway.networking.k8s.io,resources=gateways;gatewayclasses,verbs=get

// fieldManager is the field manager of the objects of fleets.
const fieldManager = "contour-gateway-provisioner"

// API is the Client of a real API server.
type API struct {
	metadata   metadata.Interface
	objects    map[schema.GroupVersion]rest.Interface
	namespaces []string // to watch; "" is all
	log        *slog.Logger
}

// NewAPI returns a Client; without namespaces it watches all.
func NewAPI(c *rest.Config, namespaces []string, log *slog.Logger) (*API, error) {
	c = rest.CopyConfig(c)
	c.QPS = -1 // the Writer has a pace
	m, err := metadata.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("client of fleets: %w", err)
	}
	kinds := kind.All()
	objects, err := kubeclient.New(c, kubeclient.Options{
		Kinds: kind.List{*kinds.Get(kobj.Gateway), *kinds.Get(kobj.GatewayClass)}, Unlimited: true,
		Types: map[schema.GroupVersion]func(*runtime.Scheme) error{appsv1.SchemeGroupVersion: appsv1.AddToScheme},
	})
	if err != nil {
		return nil, fmt.Errorf("client of fleets: %w", err)
	}
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	return &API{metadata: m, objects: objects, namespaces: namespaces, log: log}, nil
}

// resources returns the resources of the kinds of a fleet.
func resources() map[string]schema.GroupVersionResource {
	return map[string]schema.GroupVersionResource{
		"ServiceAccount":      {Version: "v1", Resource: "serviceaccounts"},
		"Secret":              {Version: "v1", Resource: "secrets"},
		"Service":             {Version: "v1", Resource: "services"},
		"Deployment":          {Group: "apps", Version: "v1", Resource: "deployments"},
		"DaemonSet":           {Group: "apps", Version: "v1", Resource: "daemonsets"},
		"PodDisruptionBudget": {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	}
}

func (a *API) of(r Ref) metadata.ResourceInterface {
	return a.metadata.Resource(resources()[r.Kind]).Namespace(r.Namespace)
}

// Watch implements Client.
func (a *API) Watch(ctx context.Context, changed func(kobj.Name, Ref, Child, bool), synced func()) {
	var running sync.WaitGroup
	var all []cache.InformerSynced
	for _, namespace := range a.namespaces {
		for of, resource := range resources() {
			informer := metadatainformer.NewFilteredMetadataInformer(a.metadata, resource, namespace, 0, nil, func(o *metav1.ListOptions) {
				o.LabelSelector = provision.GatewayLabel
			}).Informer()
			registered, err := informer.AddEventHandler(handler(of, changed))
			if err != nil { // only of an informer that has stopped
				a.log.Error("watch of fleets failed", "kind", of, "error", err)
				continue
			}
			_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
				a.log.Warn("objects of fleets cannot be watched, retrying", "kind", of, "error", err)
			})
			all = append(all, registered.HasSynced)
			running.Go(func() { informer.RunWithContext(ctx) })
		}
	}
	if cache.WaitForCacheSync(ctx.Done(), all...) {
		synced()
	}
	<-ctx.Done()
	running.Wait()
}

// handler passes on the objects of a kind. An object whose labels say another Gateway than before is one of both for a moment.
func handler(of string, changed func(kobj.Name, Ref, Child, bool)) cache.ResourceEventHandler {
	pass := func(object any, gone bool) {
		if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = last.Obj
		}
		if o, ok := object.(*metav1.PartialObjectMetadata); ok {
			changed(gatewayOf(o), Ref{of, kobj.Name{Namespace: o.Namespace, Name: o.Name}}, childOf(o), gone)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { pass(o, false) },
		UpdateFunc: func(before, o any) {
			was, ok := before.(*metav1.PartialObjectMetadata)
			if is, isToo := o.(*metav1.PartialObjectMetadata); ok && isToo && gatewayOf(was) != gatewayOf(is) {
				pass(before, true)
			}
			pass(o, false)
		},
		DeleteFunc: func(o any) { pass(o, true) },
	}
}

// gatewayOf returns the Gateway that an object says it is of, in its own namespace: the label shortens long names, and Contour's objects have
// only the label.
func gatewayOf(o *metav1.PartialObjectMetadata) kobj.Name {
	label := o.Labels[provision.GatewayLabel]
	namespace, name, _ := strings.Cut(o.Annotations[provision.GatewayAnnotation], "/")
	if namespace == o.Namespace && provision.LabelValue(name) == label {
		return kobj.Name{Namespace: o.Namespace, Name: name}
	}
	return kobj.Name{Namespace: o.Namespace, Name: label}
}

func childOf(o *metav1.PartialObjectMetadata) Child {
	c := Child{
		UID: string(o.UID), Generation: o.Generation, Gateway: o.Labels[provision.GatewayLabel],
		Controller: o.Annotations[provision.ControllerAnnotation], Certificate: o.Annotations[certificateAnnotation],
	}
	for _, m := range o.ManagedFields {
		switch {
		case m.FieldsV1 == nil:
		case m.Manager == fieldManager && m.Operation == metav1.ManagedFieldsOperationApply && m.Subresource == "":
			c.Managed = hash(m.FieldsV1.GetRawBytes())
		case m.Subresource == "scale" && strings.Contains(m.FieldsV1.GetRawString(), `"f:replicas"`):
			c.Scaled = true
		}
	}
	return c
}

// Get implements Client.
func (a *API) Get(ctx context.Context, r Ref) (Child, bool, error) {
	o, err := a.of(r).Get(ctx, r.Name.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return Child{}, false, nil
	case err != nil:
		return Child{}, false, fmt.Errorf("read: %w", err)
	}
	return childOf(o), true, nil
}

// Apply implements Client.
func (a *API) Apply(ctx context.Context, r Ref, body []byte, uid string) (Child, error) {
	force := uid != ""
	if force { // a precondition: another object of the name is not changed
		var err error
		if body, err = withUID(body, uid); err != nil {
			return Child{}, err
		}
	}
	o, err := a.of(r).Patch(ctx, r.Name.Name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: fieldManager, Force: &force})
	if err != nil {
		return Child{}, err //nolint:wrapcheck // the caller adds the object, and users read the message
	}
	return childOf(o), nil
}

func withUID(body []byte, uid string) ([]byte, error) {
	var o unstructured.Unstructured
	if err := o.UnmarshalJSON(body); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	o.SetUID(types.UID(uid))
	text, err := o.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return text, nil
}

// Delete implements Client. What an object owns is deleted after it, so that pods are drained.
func (a *API) Delete(ctx context.Context, r Ref, uid string) error {
	of, background := types.UID(uid), metav1.DeletePropagationBackground
	return a.of(r).Delete(ctx, r.Name.Name, metav1.DeleteOptions{ //nolint:wrapcheck // the caller adds the object
		Preconditions: &metav1.Preconditions{UID: &of}, PropagationPolicy: &background,
	})
}

// Ready implements Client.
func (a *API) Ready(ctx context.Context, r Ref) (bool, error) {
	get := a.objects[appsv1.SchemeGroupVersion].Get().Namespace(r.Namespace).Resource(resources()[r.Kind].Resource).Name(r.Name.Name)
	var pods int32
	var err error
	if r.Kind == "Deployment" {
		var o appsv1.Deployment
		err = get.Do(ctx).Into(&o)
		pods = o.Status.AvailableReplicas
	} else {
		var o appsv1.DaemonSet
		err = get.Do(ctx).Into(&o)
		pods = o.Status.NumberAvailable
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", r, err)
	}
	return pods > 0, nil
}

// ClassOf implements Client. An API server that does not serve Gateways does not say that one does not exist.
func (a *API) ClassOf(ctx context.Context, n kobj.Name) (class string, exists bool, err error) {
	var g gatewayv1.Gateway
	err = a.objects[schema.GroupVersion(gatewayv1.GroupVersion)].Get().Namespace(n.Namespace).Resource("gateways").Name(n.Name).Do(ctx).Into(&g)
	switch {
	case gone(err):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("read Gateway %s: %w", n, err)
	}
	return string(g.Spec.GatewayClassName), true, nil
}

// Serves implements Client.
func (a *API) Serves(ctx context.Context, class, controller string) (bool, error) {
	var c gatewayv1.GatewayClass
	err := a.objects[schema.GroupVersion(gatewayv1.GroupVersion)].Get().Resource("gatewayclasses").Name(class).Do(ctx).Into(&c)
	switch {
	case gone(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("read GatewayClass %s: %w", class, err)
	}
	return string(c.Spec.ControllerName) == controller, nil
}

// gone reports whether the object of a request does not exist, in an API that exists.
func gone(err error) bool {
	var of apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &of) {
		return false
	}
	d := of.Status().Details
	return d == nil || len(d.Causes) == 0
}
