package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/client-go/kubernetes"

	"contour.example/contour/internal/certs"
)

// The pauses between two looks at the certificates of the xDS connection, and the limit of one.
const (
	shortestLook = time.Minute
	longestLook  = time.Hour
	lookTimeout  = 30 * time.Second
)

// renewal renews the certificates of the xDS connection in steps, in which no Envoy that connects is refused (package certs). It has no
// state: another leader continues.
type renewal struct {
	client    kubernetes.Interface
	namespace string
	names     []string
	log       *slog.Logger
	now       func() time.Time
}

// connectRenewal creates what renews the certificates of the Secrets of --renew-certificates, if there are any.
func (c *controller) connectRenewal() error {
	if len(c.flags.renewed) == 0 {
		return nil
	}
	client, err := kubernetes.NewForConfig(c.api)
	if err != nil {
		return fmt.Errorf("client of certificates: %w", err)
	}
	c.renewal = &renewal{client: client, namespace: c.flags.configNamespace, names: c.flags.renewed, log: c.log, now: time.Now}
	return nil
}

// run looks at the certificates until the context ends.
func (r *renewal) run(ctx context.Context) {
	for failures := 0; ; {
		pause, err := r.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failures = 0
		} else if failures++; failures&(failures-1) == 0 {
			r.logFailure(failures, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// look takes the step that is due, and returns the pause until the next look.
func (r *renewal) look(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	step, secrets, err := certs.Maintain(ctx, r.client, r.namespace, r.names, r.now())
	switch {
	case errors.Is(err, certs.ErrForeign):
		return longestLook, err
	case err != nil:
		return shortestLook, err
	}
	if step.Action != certs.Nothing {
		end, err := certs.NotAfter(secrets)
		if err != nil {
			return shortestLook, err
		}
		r.log.Info("certificates of the xDS connection: a step of their renewal is done", "step", step.Action, "namespace", r.namespace, "end", end)
	}
	return min(max(step.Next.Sub(r.now()), shortestLook), longestLook), nil
}

func (r *renewal) logFailure(failures int, err error) {
	if errors.Is(err, certs.ErrForeign) {
		r.log.Warn("certificates of the xDS connection are not renewed by the controller: that is the task of what made them", "error", err)
		return
	}
	r.log.Error("certificates of the xDS connection cannot be renewed; retrying", "failures", failures, "error", err)
}
