// Package votestore reads, watches and patches the ConfigMap in which replicas share the votes of their Envoys, and keep how the hosts of
// listeners are sharded.
//
// Store is the ConfigMap: its output is the data after each change, and its input the keys to set and to remove. Sharer writes what this
// replica has to say, and hands over what others said; package votes decides which votes, and this one reads and bounds the shardings. It does
// not create the ConfigMap: permission to create one cannot be limited to a name.
package votestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/source/single"
)

const (
	resource     = "configmaps"
	fieldManager = "contour-verdicts"
)

// ErrMissing is that the ConfigMap does not exist.
var ErrMissing = errors.New("the ConfigMap does not exist")

// Store is the ConfigMap.
type Store struct {
	name   kobj.Name
	client rest.Interface
	log    *slog.Logger
}

// New returns the Store with that name. It sends no request.
func New(c *rest.Config, name kobj.Name, log *slog.Logger) (*Store, error) {
	gv := corev1.SchemeGroupVersion
	clients, err := kubeclient.New(c, kubeclient.Options{
		Types: map[schema.GroupVersion]func(*runtime.Scheme) error{gv: corev1.AddToScheme}, Protobuf: true,
	})
	if err != nil {
		return nil, err
	}
	return &Store{name: name, client: clients[gv], log: log}, nil
}

// Watch calls changed with the data, at first and after each change, until the context ends, and failed with ErrMissing while
// the ConfigMap does not exist, or with each failure of the API server.
func (s *Store) Watch(ctx context.Context, changed func(map[string]string), failed func(error)) {
	single.Watch(ctx, single.Options{
		Client: s.client, Resource: resource, Name: s.name, Type: &corev1.ConfigMap{}, Log: s.log,
		Report: func(o any) {
			if m, _ := o.(*corev1.ConfigMap); m != nil {
				changed(m.Data)
				return
			}
			failed(ErrMissing)
		},
		Failed: func(_ int, err error) { failed(err) },
	})
}

// Patch sets and removes keys, and returns the data after that. The error is ErrMissing or that of the API server.
func (s *Store) Patch(ctx context.Context, set map[string]string, removed []string) (map[string]string, error) {
	data := map[string]any{}
	for _, key := range removed {
		data[key] = nil
	}
	for key, value := range set {
		data[key] = value
	}
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return nil, fmt.Errorf("votes: %w", err)
	}
	result := &corev1.ConfigMap{}
	err = s.client.Patch(types.MergePatchType).Namespace(s.name.Namespace).Resource(resource).Name(s.name.Name).
		VersionedParams(&metav1.PatchOptions{FieldManager: fieldManager}, metav1.ParameterCodec).Body(patch).Do(ctx).Into(result)
	switch {
	case apierrors.IsNotFound(err):
		return nil, ErrMissing
	case err != nil:
		return nil, fmt.Errorf("votes: %w", err)
	}
	return result.Data, nil
}
