// Package object follows one ContourConfiguration of an API server, and writes its status.
//
// In goes its name; out comes the object whenever it changes, and nil when it is gone. The package must not know what
// the object means.
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

// fieldManager is the name under which the API server notes what was written.
const fieldManager = "contour"

// Times between attempts to list and watch: they double up to the longest.
const (
	shortestPause = 200 * time.Millisecond
	longestPause  = 2 * time.Second
	forgetPauses  = 2 * time.Minute
)

// Source follows one object.
type Source struct {
	name   kobj.Name
	client rest.Interface
	log    *slog.Logger
}

// New is a Source for the object of that name; nothing is asked of the API server yet.
func New(c *rest.Config, name kobj.Name, log *slog.Logger) (*Source, error) {
	gv := v1alpha1.GroupVersion
	clients, err := kubeclient.New(c, kubeclient.Options{Types: map[schema.GroupVersion]func(*runtime.Scheme) error{gv: v1alpha1.AddToScheme}})
	if err != nil {
		return nil, err
	}
	return &Source{name: name, client: clients[gv], log: log}, nil
}

// Run calls f with the object, or nil if there is none, at first and whenever that changes, until the context ends. What
// f is given is not modified by anybody. While the API server is away, it is asked again and again.
func (s *Source) Run(ctx context.Context, f func(*v1alpha1.ContourConfiguration)) {
	log := logr.FromSlogHandler(s.log.Handler())
	ctx = klog.NewContext(ctx, log)
	pauses := wait.Backoff{Duration: shortestPause, Cap: longestPause, Factor: 2, Steps: 10, Jitter: 1}
	one := cache.NewListWatchFromClient(s.client, resource, s.name.Namespace, fields.OneTermEqualSelector("metadata.name", s.name.Name))
	reflector := cache.NewReflectorWithOptions(one, &v1alpha1.ContourConfiguration{}, &last{report: f}, cache.ReflectorOptions{
		Logger: &log, Name: "ContourConfiguration", TypeDescription: "ContourConfiguration", Backoff: &pauses,
	})
	failures := 0
	// The error says no more than that the context has ended.
	_ = pauses.DelayWithReset(clock.RealClock{}, forgetPauses).Until(ctx, true, true, func(ctx context.Context) (bool, error) {
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

// last is the object as it was last reported, as a store of the reflector.
type last struct {
	report  func(*v1alpha1.ContourConfiguration)
	present bool
	begun   bool
}

func (l *last) set(o any) {
	c, _ := o.(*v1alpha1.ContourConfiguration)
	if c == nil && l.begun && !l.present {
		return
	}
	l.begun, l.present = true, c != nil
	l.report(c)
}

// Add takes over the object.
func (l *last) Add(o any) error { l.set(o); return nil }

// Update takes over the object.
func (l *last) Update(o any) error { l.set(o); return nil }

// Delete notes that there is no object.
func (l *last) Delete(any) error { l.set(nil); return nil }

// Replace takes over the only object, or none.
func (l *last) Replace(list []any, _ string) error {
	if len(list) == 0 {
		l.set(nil)
		return nil
	}
	l.set(list[0])
	return nil
}

// Resync does nothing: what is reported stays so.
func (l *last) Resync() error { return nil }
