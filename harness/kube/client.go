package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"contour.example/harness/poll"
)

// fieldManager owns the fields that Apply sets.
const fieldManager = "contour-harness"

// Object is a Kubernetes object of any kind.
type Object = unstructured.Unstructured

// Ref names an object; Namespace is empty for cluster-scoped kinds.
type Ref struct {
	schema.GroupVersionKind
	Namespace, Name string
}

// RefTo is the Ref of an object.
func RefTo(o *Object) Ref {
	return Ref{o.GroupVersionKind(), o.GetNamespace(), o.GetName()}
}

// String is like HTTPProxy team/a.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Client is a client of one API server. It is safe for concurrent use.
type Client struct {
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// New makes a client; it connects to the server when it is first used.
func New(config *rest.Config) (*Client, error) {
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("dynamic client: %w", err)
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("discovery client: %w", err)
	}
	return &Client{
		dynamic: objects,
		mapper:  restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds)),
	}, nil
}

// Apply applies the objects in order and returns them as the server has them. An
// object without namespace goes to the given one, if its kind is namespaced.
func (c *Client) Apply(ctx context.Context, namespace string, objects ...*Object) ([]*Object, error) {
	applied := make([]*Object, 0, len(objects))
	for _, o := range objects {
		kind, err := c.resource(o.GroupVersionKind(), orElse(o.GetNamespace(), namespace))
		if err != nil {
			return applied, fmt.Errorf("apply %s: %w", RefTo(o), err)
		}
		got, err := kind.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		if err != nil {
			return applied, fmt.Errorf("apply %s: %w", RefTo(o), err)
		}
		applied = append(applied, got)
	}
	return applied, nil
}

// ApplyYAML is Apply for the documents of a YAML text.
func (c *Client) ApplyYAML(ctx context.Context, namespace, text string) ([]*Object, error) {
	objects, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return c.Apply(ctx, namespace, objects...)
}

// Delete deletes the object with background propagation, as kubectl does; one that does
// not exist is not an error.
func (c *Client) Delete(ctx context.Context, r Ref) error {
	kind, err := c.resource(r.GroupVersionKind, r.Namespace)
	if err != nil {
		return fmt.Errorf("delete %s: %w", r, err)
	}
	background := metav1.DeletePropagationBackground
	err = kind.Delete(ctx, r.Name, metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", r, err)
	}
	return nil
}

// Get reads the object.
func (c *Client) Get(ctx context.Context, r Ref) (*Object, error) {
	kind, err := c.resource(r.GroupVersionKind, r.Namespace)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", r, err)
	}
	o, err := kind.Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", r, err)
	}
	return o, nil
}

// List reads all objects of a kind in a namespace; with an empty one, in all.
func (c *Client) List(ctx context.Context, kind schema.GroupVersionKind, namespace string) ([]Object, error) {
	r, err := c.resource(kind, namespace)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
	}
	list, err := r.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", kind.Kind, err)
	}
	return list.Items, nil
}

// CreateNamespace makes a namespace with a name of its own that begins with prefix.
func (c *Client) CreateNamespace(ctx context.Context, prefix string) (string, error) {
	o := &Object{}
	o.SetAPIVersion("v1")
	o.SetKind("Namespace")
	o.SetGenerateName(prefix + "-")
	kind, err := c.resource(o.GroupVersionKind(), "")
	if err != nil {
		return "", fmt.Errorf("create namespace: %w", err)
	}
	got, err := kind.Create(ctx, o, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("create namespace: %w", err)
	}
	return got.GetName(), nil
}

// WaitForKind waits until the server serves the kind, as it does soon after its
// CustomResourceDefinition was applied.
func (c *Client) WaitForKind(ctx context.Context, kind schema.GroupVersionKind) error {
	return poll.Until(ctx, time.Minute, "API of "+kind.String(), func(ctx context.Context) (bool, string, error) {
		r, err := c.resource(kind, "")
		if err != nil {
			return false, err.Error(), nil
		}
		if _, err := r.List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			return false, err.Error(), nil
		}
		return true, "", nil
	})
}

// resource is the API of a kind, in the namespace if it has namespaces.
func (c *Client) resource(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapping(kind)
	if err != nil {
		return nil, fmt.Errorf("kind %s: %w", kind, err)
	}
	r := c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return r.Namespace(namespace), nil
	}
	return r, nil
}

// mapping queries the server again for kinds that it did not have before.
func (c *Client) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	var unknown *meta.NoKindMatchError
	if !errors.As(err, &unknown) {
		return mapping, err
	}
	c.mapper.Reset()
	return c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
