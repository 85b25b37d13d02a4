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
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
)

const resource = "contourconfigurations"

// fieldManager is the field manager of writes.
const fieldManager = "contour"

// Backoff of attempts to list and watch: the delay doubles up to the maximum.
const (
	minBackoff   = 200 * time.Millisecond
	maxBackoff   = 2 * time.Second
	resetBackoff = 2 * time.Minute
)

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
	log := logr.FromSlogHandler(s.log.Handler())
	ctx = klog.NewContext(ctx, log)
	backoff := wait.Backoff{Duration: minBackoff, Cap: maxBackoff, Factor: 2, Steps: 10, Jitter: 1}
	one := cache.NewListWatchFromClient(s.client, resource, s.name.Namespace, fields.OneTermEqualSelector("metadata.name", s.name.Name))
	reflector := cache.NewReflectorWithOptions(one, &v1alpha1.ContourConfiguration{}, &reporter{report: f}, cache.ReflectorOptions{
		Logger: &log, Name: "ContourConfiguration", TypeDescription: "ContourConfiguration", Backoff: &backoff,
	})
	failures := 0
	// The error means only that the context has ended.
	_ = backoff.DelayWithReset(clock.RealClock{}, resetBackoff).Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		err := reflector.ListAndWatchWithContext(ctx)
		if err == nil || ctx.Err() != nil {
			failures = 0
			return false, nil
		}
		if failures++; failures&(failures-1) == 0 {
			s.log.Warn("ContourConfiguration cannot be watched", "name", s.name, "failures", failures, "error", err)
		}
		return false, nil
	})
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

// reporter is the store of the reflector. It reports the object, and whether it exists.
type reporter struct {
	report  func(*v1alpha1.ContourConfiguration)
	present bool
	started bool
}

func (r *reporter) set(o any) {
	c, _ := o.(*v1alpha1.ContourConfiguration)
	if c == nil && r.started && !r.present {
		return
	}
	r.started, r.present = true, c != nil
	r.report(c)
}

// Add reports the object.
func (r *reporter) Add(o any) error { r.set(o); return nil }

// Update reports the object.
func (r *reporter) Update(o any) error { r.set(o); return nil }

// Delete reports that the object does not exist.
func (r *reporter) Delete(any) error { r.set(nil); return nil }

// Replace reports the only object of the list, or that it does not exist.
func (r *reporter) Replace(list []any, _ string) error {
	if len(list) == 0 {
		r.set(nil)
		return nil
	}
	r.set(list[0])
	return nil
}

// Resync does nothing: every change has been reported.
func (r *reporter) Resync() error { return nil }
