package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/store"
)

// The limits of List.
const (
	listPage   = 500     // objects
	maxObjects = 500_000 // of all kinds
)

// ListOptions are the options of List.
type ListOptions struct {
	Config     *rest.Config
	Kinds      kind.List
	Namespaces []string // empty means all
}

// Listed is the objects of an API server at about the same time.
type Listed struct {
	Objects   []store.Change
	Forbidden []kobj.Kind // the kinds that may not be listed
}

// List lists the objects of the kinds once, in pages, trimmed like those of a Source. A kind that the API server does not serve has no objects. An
// error other than a missing permission ends it.
func List(ctx context.Context, o ListOptions) (Listed, error) {
	var out Listed
	clients, err := kubeclient.New(o.Config, kubeclient.Options{Kinds: o.Kinds, Protobuf: true})
	if err != nil {
		return out, err
	}
	namespaces := o.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for i := range o.Kinds {
		k := &o.Kinds[i]
		of := namespaces
		if k.ClusterScoped {
			of = []string{metav1.NamespaceAll}
		}
		for _, namespace := range of {
			for _, gv := range k.Versions() {
				err = out.list(ctx, clients[gv], k, namespace)
				if !apierrors.IsNotFound(err) {
					break
				}
			}
			switch {
			case apierrors.IsForbidden(err):
				out.Forbidden = append(out.Forbidden, k.Kind)
			case err != nil && !apierrors.IsNotFound(err):
				return out, fmt.Errorf("list %s: %w", k.Resource, err)
			}
			if apierrors.IsForbidden(err) {
				break
			}
		}
	}
	return out, nil
}

// list appends the objects of one kind and namespace.
func (l *Listed) list(ctx context.Context, client rest.Interface, k *kind.Descriptor, namespace string) error {
	options := metav1.ListOptions{Limit: listPage}
	if k.Selector != nil {
		options.FieldSelector = k.Selector.String()
	}
	for {
		page, err := client.Get().Namespace(namespace).Resource(k.Resource).VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Get()
		if err != nil {
			return err
		}
		items, err := meta.ExtractList(page)
		if err != nil {
			return err
		}
		for _, item := range items {
			object, ok := item.(metav1.Object)
			if !ok {
				return fmt.Errorf("%T is not an object", item)
			}
			k.Trim(object)
			l.Objects = append(l.Objects, store.Change{Key: kobj.Of(k.Kind, object.GetNamespace(), object.GetName()), Object: object})
		}
		if len(l.Objects) > maxObjects {
			return fmt.Errorf("there are more than %d objects", maxObjects)
		}
		more, err := meta.ListAccessor(page)
		if err != nil {
			return err
		}
		if options.Continue = more.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}
