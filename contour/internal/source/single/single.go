// Package single watches one object of an API server.
//
// Its input is the name of the object; its output is the object after each change, and nil while there is none. The package
// does not interpret the object.
package single

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"contour.example/contour/internal/kobj"
)

// Backoff of attempts to list and watch: the delay doubles up to the maximum.
const (
	minBackoff   = 200 * time.Millisecond
	maxBackoff   = 2 * time.Second
	resetBackoff = 2 * time.Minute
)

// Options say what to watch.
type Options struct {
	Client   rest.Interface // of the group and version
	Resource string         // such as configmaps
	Name     kobj.Name
	Type     runtime.Object // of the object
	Log      *slog.Logger
	// Report is called with the object, or nil if it does not exist, at first and after each change. The object is not
	// modified afterwards.
	Report func(any)
	// Failed is called when the object cannot be listed or watched; failures counts those in a row, from 1.
	Failed func(failures int, err error)
}

// Watch watches until the context ends. While the API server is not available, it retries.
func Watch(ctx context.Context, o Options) {
	log := logr.FromSlogHandler(o.Log.Handler())
	ctx = klog.NewContext(ctx, log)
	backoff := wait.Backoff{Duration: minBackoff, Cap: maxBackoff, Factor: 2, Steps: 10, Jitter: 1}
	one := cache.NewListWatchFromClient(o.Client, o.Resource, o.Name.Namespace, fields.OneTermEqualSelector("metadata.name", o.Name.Name))
	failures := 0
	store := &reporter{report: func(object any) { failures = 0; o.Report(object) }}
	reflector := cache.NewReflectorWithOptions(one, o.Type, store, cache.ReflectorOptions{
		Logger: &log, Name: o.Resource, TypeDescription: o.Resource, Backoff: &backoff,
	})
	// The error means only that the context has ended.
	_ = backoff.DelayWithReset(clock.RealClock{}, resetBackoff).Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		err := reflector.ListAndWatchWithContext(ctx)
		if err == nil || ctx.Err() != nil {
			failures = 0
			return false, nil
		}
		failures++
		o.Failed(failures, err)
		return false, nil
	})
}

// reporter is the store of the reflector. It reports the object, and whether it exists.
type reporter struct {
	report  func(any)
	present bool
	started bool
}

func (r *reporter) set(o any) {
	if o == nil && r.started && !r.present {
		return
	}
	r.started, r.present = true, o != nil
	r.report(o)
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
