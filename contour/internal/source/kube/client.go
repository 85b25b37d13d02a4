package kube

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kind"
)

// newClients has a client for each group and version that is watched.
func newClients(c *rest.Config, kinds kind.List) (map[schema.GroupVersion]rest.Interface, error) {
	scheme, err := kinds.Scheme()
	if err != nil {
		return nil, fmt.Errorf("scheme: %w", err)
	}
	clients := map[schema.GroupVersion]rest.Interface{}
	for _, k := range kinds {
		if clients[k.GroupVersion] != nil {
			continue
		}
		client, err := rest.RESTClientFor(clientConfig(c, scheme, k.GroupVersion))
		if err != nil {
			return nil, fmt.Errorf("client of %s: %w", k.GroupVersion, err)
		}
		clients[k.GroupVersion] = client
	}
	return clients, nil
}

// clientConfig asks for Protobuf where the API server has it, which is everywhere but for custom resources.
func clientConfig(c *rest.Config, scheme *runtime.Scheme, gv schema.GroupVersion) *rest.Config {
	c = rest.CopyConfig(c)
	c.GroupVersion = &gv
	c.APIPath = "/apis"
	if gv.Group == corev1.GroupName {
		c.APIPath = "/api"
	}
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	if builtIn(gv.Group) {
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
