// Package permission asks the API server which of the permissions that the controller needs are not granted to it, and
// reports those.
//
// Its input is the list of what is needed; its output is the list of what is missing, at first and whenever that changes. It
// asks again until nothing is missing, and whenever a request was refused. It does not decide what happens without a permission:
// the callers wait and retry.
package permission

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kubeclient"
)

// Permission is what an authorizer grants, in the terms of RBAC.
type Permission struct {
	Verb        string
	Group       string // "" is the core group
	Resource    string // plural
	Subresource string // "" is the resource itself
	Namespace   string // "" is all namespaces
	Name        string // "" is all objects
}

// String returns the permission as kubectl auth can-i has it: the verb, and the resource with its group.
func (p Permission) String() string {
	text := p.Verb + " " + p.On()
	if p.Name != "" {
		text += " " + p.Name
	}
	return text
}

// On returns the resource with its group and subresource, such as httpproxies.projectcontour.io/status.
func (p Permission) On() string {
	text := p.Resource
	if p.Group != "" {
		text += "." + p.Group
	}
	if p.Subresource != "" {
		text += "/" + p.Subresource
	}
	return text
}

// Need is a permission with what the controller does not do without it.
type Need struct {
	Permission
	Effect string
}

// interval is between two rounds: a permission that was granted is known after it, and as many requests as there are needs are sent
// in it at most.
const interval = 15 * time.Second

// askTimeout limits one question.
const askTimeout = 10 * time.Second

// Options are the options of a Checker.
type Options struct {
	// Config is the configuration of the client.
	Config *rest.Config
	Needs  []Need
	Log    *slog.Logger
	// Missing, if not nil, is called with what is missing after each round whose result differs from the one before.
	Missing func([]Permission)
}

// Checker asks for the permissions.
type Checker struct {
	Options
	client  rest.Interface
	refused chan struct{} // a value: a request was refused
	missing map[Permission]bool
	failed  bool // the last round
}

// New returns a Checker, which Run starts. It sends no request.
func New(o Options) (*Checker, error) {
	gv := authorizationv1.SchemeGroupVersion
	clients, err := kubeclient.New(o.Config, kubeclient.Options{
		Types: map[schema.GroupVersion]func(*runtime.Scheme) error{gv: authorizationv1.AddToScheme},
	})
	if err != nil {
		return nil, fmt.Errorf("permissions: %w", err)
	}
	if o.Missing == nil {
		o.Missing = func([]Permission) {}
	}
	return &Checker{Options: o, client: clients[gv], refused: make(chan struct{}, 1), missing: map[Permission]bool{}}, nil
}

// Run asks until the context ends: at once, then for what is missing until it is granted, and for everything after a request
// was refused; once in an interval.
func (c *Checker) Run(ctx context.Context) error {
	for of := c.Needs; ; of = c.due(of) {
		c.round(ctx, of)
		next := time.NewTimer(interval)
		if !c.failed && len(c.missing) == 0 {
			wait(ctx, c.refused)
		}
		if !wait(ctx, next.C) {
			next.Stop()
			return ctx.Err()
		}
	}
}

// due returns what to ask for in the next round. last is what was asked for in the last one.
func (c *Checker) due(last []Need) []Need {
	select {
	case <-c.refused: // something else may be missing, too
		return c.Needs
	default:
	}
	switch {
	case c.failed:
		return last
	case len(c.missing) > 0:
		return slices.DeleteFunc(slices.Clone(c.Needs), func(n Need) bool { return !c.missing[n.Permission] })
	}
	return c.Needs
}

// wait returns false if the context ended before there was a value.
func wait[T any](ctx context.Context, c <-chan T) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// round asks for each of the needs, and logs what has changed since the last round.
func (c *Checker) round(ctx context.Context, of []Need) {
	changed := false
	for _, n := range of {
		granted, err := c.ask(ctx, n.Permission)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if !c.failed {
				c.Log.Warn("permissions cannot be checked", "error", err)
			}
			c.failed = true
			return
		}
		if granted == !c.missing[n.Permission] {
			continue
		}
		changed = true
		if granted {
			delete(c.missing, n.Permission)
			c.Log.Info("permission is granted now", "permission", n.String(), "namespace", n.Namespace)
			continue
		}
		c.missing[n.Permission] = true
		c.Log.Error("permission is missing: add it to the role of the controller, which retries", "permission", n.String(), "namespace", n.Namespace, "effect", n.Effect)
	}
	c.failed = false
	if changed {
		c.Missing(c.all())
	}
}

// all returns what is missing, in the order of the needs.
func (c *Checker) all() (missing []Permission) {
	for _, n := range c.Needs {
		if c.missing[n.Permission] {
			missing = append(missing, n.Permission)
		}
	}
	return missing
}

// ask asks the API server, which answers every user about the user itself.
func (c *Checker) ask(ctx context.Context, p Permission) (granted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	review := &authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectAccessReview"},
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: p.Namespace, Verb: p.Verb, Group: p.Group, Resource: p.Resource, Subresource: p.Subresource, Name: p.Name,
		}},
	}
	if err := c.client.Post().Resource("selfsubjectaccessreviews").Body(review).Do(ctx).Into(review); err != nil {
		return false, fmt.Errorf("review: %w", err)
	}
	return review.Status.Allowed, nil
}

// Observe returns a transport after whose refused requests Run asks again. Those of the Checker itself are not observed: its
// configuration was copied before.
func (c *Checker) Observe(to http.RoundTripper) http.RoundTripper { return &observed{c, to} }

type observed struct {
	checker *Checker
	to      http.RoundTripper
}

// RoundTrip sends a request.
func (o *observed) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := o.to.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusForbidden {
		select {
		case o.checker.refused <- struct{}{}:
		default:
		}
	}
	return response, err
}

// WrappedRoundTripper returns the transport that sends, by which the client finds its connections.
func (o *observed) WrappedRoundTripper() http.RoundTripper { return o.to }
