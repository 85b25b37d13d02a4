package scenario

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"contour.example/harness/address"
	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// DefaultTimeout is how long an expectation may take to come true on a busy machine.
const DefaultTimeout = 20 * time.Second

// Env is the environment of scenarios.
type Env struct {
	Kube    *kube.Client
	Traffic traffic.Client
	// Addresses are for backends.
	Addresses *address.Claims
	// CA signs the certificates of scenarios.
	CA *pki.CA
	// Timeout is for one expectation; DefaultTimeout if 0.
	Timeout time.Duration
	// CleanUp, if set, is called with a function that removes the scenario, to be called later; otherwise it is removed when it ends.
	CleanUp func(undo func(context.Context) error)
	// Logf is called with a line for each step; nil prints nothing.
	Logf func(format string, args ...any)
}

// Run runs a scenario in a namespace of its own and, unless CleanUp is set, deletes what it applied.
func (e Env) Run(ctx context.Context, s Scenario) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	r := &run{Env: e}
	if r.Timeout == 0 {
		r.Timeout = DefaultTimeout
	}
	if e.CleanUp == nil {
		defer func() { err = errors.Join(err, r.cleanUp(context.WithoutCancel(ctx))) }()
	} else {
		e.CleanUp(r.cleanUp)
	}
	if err := r.namespaces(ctx, s.Namespaces); err != nil {
		return err
	}
	s, err = s.expand(map[string]string{
		"NAMESPACE": r.namespace, "DOMAIN": r.namespace + ".example",
		"CA_BASE64": base64.StdEncoding.EncodeToString(r.CA.Cert),
	})
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
	servers   []*backend.Server
}

// namespaces makes the scenario's own namespace and the others.
func (r *run) namespaces(ctx context.Context, others []string) (err error) {
	if r.namespace, err = r.Kube.CreateNamespace(ctx, "scenario"); err != nil {
		return err
	}
	r.applied = append(r.applied, Target{APIVersion: "v1", Kind: "Namespace", Name: r.namespace}.ref(""))
	for _, name := range others {
		o := &kube.Object{}
		o.SetAPIVersion("v1")
		o.SetKind("Namespace")
		o.SetName(r.in(name))
		if err := r.apply(ctx, []*kube.Object{o}); err != nil {
			return err
		}
	}
	return nil
}

// in is the full name of one of Scenario.Namespaces, or the scenario's own for "".
func (r *run) in(name string) string {
	if name == "" {
		return r.namespace
	}
	return r.namespace + "-" + name
}

func (r *run) step(ctx context.Context, s Step) error {
	start := time.Now()
	if err := r.change(ctx, s); err != nil {
		return err
	}
	if err := r.observe(ctx, s); err != nil {
		return err
	}
	if r.Logf != nil {
		r.Logf("%s (%s)", s.Name, time.Since(start).Round(time.Millisecond))
	}
	return nil
}

// change makes the changes of the step.
func (r *run) change(ctx context.Context, s Step) error {
	for _, rejected := range s.Rejected {
		if err := r.rejected(ctx, rejected); err != nil {
			return err
		}
	}
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
	return nil
}

// observe waits until all expectations of the step are true.
func (r *run) observe(ctx context.Context, s Step) error {
	for _, q := range s.Requests {
		if err := r.request(ctx, q); err != nil {
			return err
		}
	}
	for _, share := range s.Shares {
		if err := r.share(ctx, share); err != nil {
			return err
		}
	}
	for _, o := range s.Objects {
		if err := r.object(ctx, o); err != nil {
			return err
		}
	}
	for _, e := range s.Events {
		if err := r.event(ctx, e); err != nil {
			return err
		}
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
	request, err := q.traffic()
	if err != nil {
		return err
	}
	if q.upgrade() || q.tcp() {
		return poll.Until(ctx, r.Timeout, "answer of "+q.URL, func(ctx context.Context) (bool, string, error) {
			wrong := q.exchange(ctx, r.Traffic, request)
			return wrong == "", wrong, nil
		})
	}
	if q.Want.Closed {
		return r.closed(ctx, request)
	}
	before := r.received()
	_, err = r.Traffic.Until(ctx, r.Timeout, request, func(a traffic.Answer) string {
		now := r.received()
		attempts := now - before
		before = now
		if wrong := q.Want.wrong(a); wrong != "" {
			return wrong
		}
		if q.Want.Attempts != 0 && attempts != q.Want.Attempts {
			return fmt.Sprintf("%s after %d attempts, want %d", a, attempts, q.Want.Attempts)
		}
		return ""
	})
	return err
}

// received is the number of requests that all backends of the scenario have received.
func (r *run) received() int64 {
	var n int64
	for _, s := range r.servers {
		n += s.Requests()
	}
	return n
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
