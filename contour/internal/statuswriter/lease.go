package statuswriter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Election elects the leader of the replicas: the holder of a Lease.
type Election struct {
	Config *rest.Config
	// Namespace and Name of the Lease.
	Namespace, Name string
	// Identity of this replica, different from that of any other.
	Identity string
	// LeaseDuration is the time without a renewal after which another replica can become the leader, RenewDeadline the
	// time without a renewal after which the leader stops leading, RetryPeriod the time between attempts.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
	Log                                       *slog.Logger
}

// Run takes part in the election until the context ends. Whenever this replica leads, it calls lead with a context
// that ends with the leadership, and releases the Lease only after lead has returned. After it has lost the Lease, it
// takes part again. The error is about the settings.
func (e Election) Run(ctx context.Context, lead func(context.Context)) error {
	config := rest.CopyConfig(e.Config)
	config.Timeout = e.RenewDeadline / 2 // a request that hangs does not end the leadership
	client, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("lease client: %w", err)
	}
	ctx = klog.NewContext(ctx, logr.FromSlogHandler(electionLog{e.Log.Handler(), ctx.Done()}))
	for ctx.Err() == nil {
		if err := e.term(ctx, client, lead); err != nil {
			return fmt.Errorf("leader election: %w", err)
		}
	}
	return nil
}

// term takes part until this replica has led once, or the context ends.
func (e Election) term(ctx context.Context, client coordinationv1.LeasesGetter, lead func(context.Context)) error {
	// The elector releases the Lease when its own context ends; that must be after lead has returned.
	holding, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	var leading sync.Mutex
	stop := context.AfterFunc(ctx, func() {
		leading.Lock()
		defer leading.Unlock()
		release()
	})
	defer stop()
	elector, err := leaderelection.NewLeaderElector(e.settings(client, leaderelection.LeaderCallbacks{
		OnStartedLeading: func(held context.Context) {
			leading.Lock()
			defer leading.Unlock()
			e.lead(ctx, held, lead)
		},
		OnStoppedLeading: func() {},
		OnNewLeader:      func(id string) { e.Log.Info("leader elected", "leader", id, "self", id == e.Identity) },
	}))
	if err != nil {
		return err
	}
	elector.Run(holding)
	leading.Lock() // until lead has returned
	defer leading.Unlock()
	return nil
}

// lead calls the function with a context that ends when either context ends.
func (e Election) lead(ctx, held context.Context, lead func(context.Context)) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(held, cancel)()
	if both.Err() != nil || held.Err() != nil {
		return
	}
	e.Log.Info("started leading")
	lead(both)
	e.Log.Info("stopped leading")
}

func (e Election) settings(client coordinationv1.LeasesGetter, callbacks leaderelection.LeaderCallbacks) leaderelection.LeaderElectionConfig {
	return leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name},
			Client:     client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: e.Identity},
		},
		LeaseDuration: e.LeaseDuration, RenewDeadline: e.RenewDeadline, RetryPeriod: e.RetryPeriod,
		Callbacks: callbacks, ReleaseOnCancel: true, Name: e.Name,
	}
}
