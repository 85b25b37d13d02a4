// Package object watches one ContourConfiguration of an API server, and writes its status.
//
// Its input is the name of the object; its output is the object after each change, and nil after its deletion. The package
// does not interpret the object.
package object

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/source/single"
)

const resource = "contourconfigurations"

// fieldManager is the field manager of writes.
const fieldManager = "contour"

// Source watches one object.
type Source struct {
	name   kobj.Name
	client rest.Interface
	log    *slog.Logger
}

// New returns a Source for the object with that name. It sends no request.
func New(c *rest.Config, name kobj.Name, log *slog.Logger) (*Source, error) {
	gv := v1alpha1.GroupVersion
	clients, err := kubeclient.New(c, kubeclient.Options{Types: map[schema.GroupVersion]func(*runtime.Scheme) error{gv: v1alpha1.AddToScheme}})
	if err != nil {
		return nil, err
	}
	return &Source{name: name, client: clients[gv], log: log}, nil
}

// Run calls f with the object, or nil if it does not exist, at first and after each change, until the context ends. The
// object is not modified afterwards. While the API server is not available, Run retries.
func (s *Source) Run(ctx context.Context, f func(*v1alpha1.ContourConfiguration)) {
	single.Watch(ctx, single.Options{
		Client: s.client, Resource: resource, Name: s.name, Type: &v1alpha1.ContourConfiguration{}, Log: s.log,
		Report: func(o any) {
			c, _ := o.(*v1alpha1.ContourConfiguration)
			f(c)
		},
		Failed: func(failures int, err error) {
			if failures&(failures-1) == 0 {
				s.log.Warn("ContourConfiguration cannot be watched", "name", s.name, "failures", failures, "error", err)
			}
		},
	})
}

// Get reads the object once.
func (s *Source) Get(ctx context.Context) (*v1alpha1.ContourConfiguration, error) {
	out := &v1alpha1.ContourConfiguration{}
	err := s.client.Get().Namespace(s.name.Namespace).Resource(resource).Name(s.name.Name).Do(ctx).Into(out)
	return out, err
}

// SetConditions writes the status of the object.
func (s *Source) SetConditions(ctx context.Context, conditions []contourv1.DetailedCondition) error {
	patch, err := json.Marshal(map[string]any{"status": v1alpha1.ContourConfigurationStatus{Conditions: conditions}})
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	err = s.client.Patch(types.MergePatchType).Namespace(s.name.Namespace).Resource(resource).Name(s.name.Name).SubResource("status").
		VersionedParams(&metav1.PatchOptions{FieldManager: fieldManager}, metav1.ParameterCodec).Body(patch).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	return nil
}
