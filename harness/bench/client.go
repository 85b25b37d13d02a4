package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// kind is the API endpoint of a kind.
type kind struct {
	group, plural string
	// typed returns an empty object if the API server accepts protobuf; nil if it accepts JSON only.
	typed func() runtime.Object
}

//nolint:gochecknoglobals // constants, which Go cannot have of a struct type
var (
	namespaces     = kind{"/api/v1", "namespaces", func() runtime.Object { return &corev1.Namespace{} }}
	services       = kind{"/api/v1", "services", func() runtime.Object { return &corev1.Service{} }}
	secrets        = kind{"/api/v1", "secrets", func() runtime.Object { return &corev1.Secret{} }}
	endpointSlices = kind{"/apis/discovery.k8s.io/v1", "endpointslices", func() runtime.Object { return &discoveryv1.EndpointSlice{} }}
	ingresses      = kind{"/apis/networking.k8s.io/v1", "ingresses", func() runtime.Object { return &networkingv1.Ingress{} }}
	httpProxies    = kind{"/apis/projectcontour.io/v1", "httpproxies", nil}
	gateways       = kind{"/apis/" + gatewayVersion, "gateways", nil}
	httpRoutes     = kind{"/apis/" + gatewayVersion, "httproutes", nil}
)

// client writes and watches objects in one namespace. It avoids decoding their JSON,
// so that its cost is small compared with what is measured.
type client struct {
	rest      rest.Interface
	namespace string
}

// newClient makes a client without rate limits; it has no namespace yet.
func newClient(config *rest.Config) (*client, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.RateLimiter = -1, nil
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	c, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &client{rest: c}, nil
}

// createNamespace creates the namespace of all other objects.
func (c *client) createNamespace(ctx context.Context) error {
	body, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Namespace", "metadata": object{"generateName": "bench-"},
	})
	if err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	answer, err := c.rest.Post().AbsPath(namespaces.group, namespaces.plural).
		SetHeader("Content-Type", "application/json").Body(body).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	var created answered
	if err := json.Unmarshal(answer, &created); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	c.namespace = created.Metadata.Name
	return nil
}

func (c *client) create(ctx context.Context, k kind, o object) error {
	body, media, err := k.encode(o)
	if err != nil {
		return fmt.Errorf("create one of %s: %w", k.plural, err)
	}
	_, err = c.rest.Post().AbsPath(c.path(k)...).
		SetHeader("Content-Type", media).SetHeader("Accept", media).Body(body).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("create one of %s: %w", k.plural, err)
	}
	return nil
}

// encode writes an object in the format that the API server decodes fastest.
func (k kind) encode(o object) (body []byte, media string, err error) {
	if k.typed == nil {
		body, err = json.Marshal(o)
		return body, runtime.ContentTypeJSON, err
	}
	typed := k.typed()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o, typed); err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	err = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(typed, &b)
	return b.Bytes(), runtime.ContentTypeProtobuf, err
}

// patch sends a JSON patch or a merge patch, and returns the resulting generation.
func (c *client) patch(ctx context.Context, k kind, name string, t types.PatchType, body []byte) (generation int64, err error) {
	answer, err := c.rest.Patch(t).AbsPath(c.path(k, name)...).Body(body).DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("patch %s %s: %w", k.plural, name, err)
	}
	var patched answered
	if err := json.Unmarshal(answer, &patched); err != nil {
		return 0, fmt.Errorf("patch %s %s: %w", k.plural, name, err)
	}
	return patched.Metadata.Generation, nil
}

func (c *client) get(ctx context.Context, k kind, name string) (o answered, err error) {
	answer, err := c.rest.Get().AbsPath(c.path(k, name)...).DoRaw(ctx)
	if err != nil {
		return o, fmt.Errorf("get %s %s: %w", k.plural, name, err)
	}
	if err := json.Unmarshal(answer, &o); err != nil {
		return o, fmt.Errorf("get %s %s: %w", k.plural, name, err)
	}
	return o, nil
}

func (c *client) delete(ctx context.Context, k kind, name string) error {
	if _, err := c.rest.Delete().AbsPath(c.path(k, name)...).DoRaw(ctx); err != nil {
		return fmt.Errorf("delete %s %s: %w", k.plural, name, err)
	}
	return nil
}

// ignoreMissing returns nil if the error is that the object does not exist, otherwise the error.
func ignoreMissing(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// deleteAll deletes all objects of the kinds, and the namespace.
func (c *client) deleteAll(ctx context.Context, kinds ...kind) error {
	var errs []error
	for _, k := range kinds {
		if _, err := c.rest.Delete().AbsPath(c.path(k)...).DoRaw(ctx); err != nil {
			errs = append(errs, fmt.Errorf("delete all %s: %w", k.plural, err))
		}
	}
	_, err := c.rest.Delete().AbsPath(namespaces.group, namespaces.plural, c.namespace).DoRaw(ctx)
	return errors.Join(append(errs, err)...)
}

// version is the resource version that a watch of the kind may start from.
func (c *client) version(ctx context.Context, k kind) (string, error) {
	answer, err := c.rest.Get().AbsPath(c.path(k)...).Param("limit", "1").DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("list %s: %w", k.plural, err)
	}
	var list answered
	if err := json.Unmarshal(answer, &list); err != nil {
		return "", fmt.Errorf("list %s: %w", k.plural, err)
	}
	return list.Metadata.ResourceVersion, nil
}

// watch is the stream of events after a resource version, as JSON.
func (c *client) watch(ctx context.Context, k kind, version string) (io.ReadCloser, error) {
	stream, err := c.rest.Get().AbsPath(c.path(k)...).
		Param("watch", "1").Param("resourceVersion", version).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", k.plural, err)
	}
	return stream, nil
}

func (c *client) path(k kind, name ...string) []string {
	return append([]string{k.group, "namespaces", c.namespace, k.plural}, name...)
}

// ServerVersion is the API server's, empty if it reports none.
func ServerVersion(ctx context.Context, config *rest.Config) string {
	c, err := newClient(config)
	if err != nil {
		return ""
	}
	answer, err := c.rest.Get().AbsPath("/version").DoRaw(ctx)
	if err != nil {
		return ""
	}
	var version struct{ GitVersion string }
	_ = json.Unmarshal(answer, &version) // then it is empty
	return version.GitVersion
}
