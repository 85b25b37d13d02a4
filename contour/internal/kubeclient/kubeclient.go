// Package kubeclient makes the clients of the API server.
//
// In go a kubeconfig or the pod's service account, and kinds; out come configurations and REST clients by group and
// version, which know the types of the kinds. It must not send anything: a client connects when it is first used.
package kubeclient

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
)

// Options say which clients to make.
type Options struct {
	// Kinds are the kinds whose groups and versions get a client.
	Kinds kind.List
	// Types are further groups and versions, each with what registers its types.
	Types map[schema.GroupVersion]func(*runtime.Scheme) error
	// Protobuf asks for Protobuf where the API server has it, which is everywhere but for custom resources. Otherwise
	// all is JSON.
	Protobuf bool
	// Unlimited ignores the rate limits of the configuration.
	Unlimited bool
	// OwnConnection keeps the clients from sharing a connection with others: on a shared one, what one client asks for
	// can arrive behind a thousand answers to another.
	OwnConnection bool
}

// New returns a client for each group and version. The error is about the configuration.
func New(c *rest.Config, o Options) (map[schema.GroupVersion]rest.Interface, error) {
	scheme, err := o.scheme()
	if err != nil {
		return nil, fmt.Errorf("scheme: %w", err)
	}
	c = o.common(c, scheme)
	transport, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("connection: %w", err)
	}
	clients := map[schema.GroupVersion]rest.Interface{}
	for _, gv := range o.versions() {
		client, err := rest.RESTClientForConfigAndClient(o.versioned(c, gv), transport)
		if err != nil {
			return nil, fmt.Errorf("client of %s: %w", gv, err)
		}
		clients[gv] = client
	}
	return clients, nil
}

func (o Options) scheme() (*runtime.Scheme, error) {
	scheme, err := o.Kinds.Scheme()
	if err != nil {
		return nil, err
	}
	errs := []error{metav1.AddMetaToScheme(scheme)}
	for _, add := range o.Types {
		errs = append(errs, add(scheme))
	}
	return scheme, errors.Join(errs...)
}

// versions lists the groups and versions once each, sorted.
func (o Options) versions() []schema.GroupVersion {
	var versions []schema.GroupVersion
	for i := range o.Kinds {
		versions = append(versions, o.Kinds[i].Versions()...)
	}
	for gv := range o.Types {
		versions = append(versions, gv)
	}
	slices.SortFunc(versions, func(a, b schema.GroupVersion) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(versions)
}

// common is the part of a client's configuration that does not depend on the group.
func (o Options) common(c *rest.Config, scheme *runtime.Scheme) *rest.Config {
	c = rest.CopyConfig(c)
	c.NegotiatedSerializer = newSerializers(scheme)
	if o.Unlimited {
		c.QPS, c.RateLimiter = -1, nil
	}
	if o.OwnConnection && c.Dial == nil { // connections are shared by those that dial in the same way
		c.Dial = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return c
}

func (o Options) versioned(c *rest.Config, gv schema.GroupVersion) *rest.Config {
	c = rest.CopyConfig(c)
	c.GroupVersion, c.APIPath = &gv, "/apis"
	if gv.Group == corev1.GroupName {
		c.APIPath = "/api"
	}
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	if o.Protobuf && builtIn(gv.Group) {
		c.ContentType = runtime.ContentTypeProtobuf
		c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	return c
}

// builtIn reports whether a group is part of Kubernetes itself. The groups of custom resources have a name with a dot in
// front of k8s.io, or are of another domain.
func builtIn(group string) bool {
	switch name, found := strings.CutSuffix(group, ".k8s.io"); {
	case found:
		return !strings.Contains(name, ".")
	default:
		return !strings.Contains(group, ".")
	}
}
