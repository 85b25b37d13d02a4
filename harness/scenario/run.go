package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"contour.example/harness/address"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// DefaultTimeout is how long an expectation may take to come true on a busy machine.
const DefaultTimeout = 20 * time.Second

// Env is where scenarios run.
type Env struct {
	Kube    *kube.Client
	Traffic traffic.Client
	// Addresses are for backends.
	Addresses *address.Claims
	// CA signs the certificates of scenarios.
	CA *pki.Authority
	// Timeout is for one expectation; DefaultTimeout if 0.
	Timeout time.Duration
	// Logf gets a line for each step; nil is silent.
	Logf func(format string, args ...any)
}

// Run runs a scenario in a namespace of its own and deletes what it applied.
func (e Env) Run(ctx context.Context, s Scenario) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	r := &run{Env: e}
	if r.Timeout == 0 {
		r.Timeout = DefaultTimeout
	}
	defer func() { err = errors.Join(err, r.cleanUp(context.WithoutCancel(ctx))) }()
	if r.namespace, err = e.Kube.CreateNamespace(ctx, "scenario"); err != nil {
		return err
	}
	r.applied = append(r.applied, Target{APIVersion: "v1", Kind: "Namespace", Name: r.namespace}.ref(""))
	s, err = s.expand(map[string]string{"NAMESPACE": r.namespace, "DOMAIN": r.namespace + ".example"})
	if err != nil {
		return err
	}
	if err := r.prepare(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	for i, step := range s.Steps {
		if err := r.step(ctx, step); err != nil {
			return fmt.Errorf("%s: step %d, %s: %w", s.Name, i+1, step.Name, err)
		}
	}
	return nil
}

// run is one scenario that is running.
type run struct {
	Env
	namespace string
	applied   []kube.Ref
	servers   []interface{ Close() error }
}

func (r *run) step(ctx context.Context, s Step) error {
	start := time.Now()
	objects, err := kube.Parse(s.Apply)
	if err != nil {
		return err
	}
	if err := r.apply(ctx, objects); err != nil {
		return err
	}
	for _, t := range s.Delete {
		if err := r.Kube.Delete(ctx, t.ref(r.namespace)); err != nil {
			return err
		}
	}
	for _, q := range s.Requests {
		if err := r.request(ctx, q); err != nil {
			return err
		}
	}
	for _, o := range s.Objects {
		if err := r.object(ctx, o); err != nil {
			return err
		}
	}
	if r.Logf != nil {
		r.Logf("%s (%s)", s.Name, time.Since(start).Round(time.Millisecond))
	}
	return nil
}

func (r *run) apply(ctx context.Context, objects []*kube.Object) error {
	applied, err := r.Kube.Apply(ctx, r.namespace, objects...)
	for _, o := range applied {
		r.applied = append(r.applied, kube.RefTo(o))
	}
	return err
}

func (r *run) request(ctx context.Context, q Request) error {
	ask, err := q.traffic()
	if err != nil {
		return err
	}
	if q.upgrade() || q.stream() {
		return poll.Until(ctx, r.Timeout, "answer of "+q.URL, func(ctx context.Context) (bool, string, error) {
			wrong := q.exchange(ctx, r.Traffic, ask)
			return wrong == "", wrong, nil
		})
	}
	_, err = r.Traffic.Until(ctx, r.Timeout, ask, q.Want.wrong)
	return err
}

func (r *run) object(ctx context.Context, o Object) error {
	ref := o.ref(r.namespace)
	return poll.Until(ctx, r.Timeout, ref.String(), func(ctx context.Context) (bool, string, error) {
		got, err := r.Kube.Get(ctx, ref)
		if err != nil {
			return false, err.Error(), nil
		}
		wrong := lacks("", o.Has, got.Object)
		return wrong == "", wrong, nil
	})
}

// cleanUp deletes the objects, last first, and then ends the backends.
func (r *run) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	var errs []error
	for i := len(r.applied) - 1; i >= 0; i-- {
		errs = append(errs, r.Kube.Delete(ctx, r.applied[i]))
	}
	for _, s := range r.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
