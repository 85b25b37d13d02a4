package kube

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// newClients has a client for each group and version that is watched.
func newClients(c *rest.Config) (map[schema.GroupVersion]rest.Interface, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, fmt.Errorf("scheme: %w", err)
	}
	clients := map[schema.GroupVersion]rest.Interface{}
	for _, k := range kinds() {
		if clients[k.groupVersion] != nil {
			continue
		}
		client, err := rest.RESTClientFor(clientConfig(c, scheme, k.groupVersion))
		if err != nil {
			return nil, fmt.Errorf("client of %s: %w", k.groupVersion, err)
		}
		clients[k.groupVersion] = client
	}
	return clients, nil
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, discoveryv1.AddToScheme, networkingv1.AddToScheme, contourv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
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
	if gv.Group != contourv1.GroupName {
		c.ContentType = runtime.ContentTypeProtobuf
		c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	return c
}
