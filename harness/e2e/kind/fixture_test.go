//go:build kind

package kind

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// fixture is the namespace of a feature, and what a test does in it. The steps of a feature share it; the first one creates it.
type fixture struct {
	*environment
	namespace string
	// at is the installation that serves it; the first one unless set before begin.
	at *installation
}

// begin makes a namespace with the manifests testdata/FEATURE.yaml. These have a host shop.${DOMAIN} with the Secret cert; begin
// returns when it is served. When t ends, however it does, the namespace is deleted, and before that described if t failed.
func (f *fixture) begin(ctx context.Context, t *testing.T, feature string) {
	t.Helper()
	t.Cleanup(func() { f.end(ctx, t) })
	f.stay(ctx, t, feature)
}

// end deletes the namespace, if it was made.
func (f *fixture) end(ctx context.Context, t *testing.T) {
	t.Helper()
	if f.namespace == "" {
		return
	}
	if err := f.kube.Delete(ctx, kube.Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, Name: f.namespace}); err != nil {
		t.Error(err)
	}
}

// stay is begin for a namespace that outlives t.
func (f *fixture) stay(ctx context.Context, t *testing.T, feature string) {
	t.Helper()
	f.environment = shared
	if f.at == nil {
		f.at = f.first()
	}
	var err error
	f.namespace, err = f.kube.CreateNamespace(ctx, feature)
	must(t, err)
	f.describeFailure(ctx, t)
	f.certificate(ctx, t, "cert", f.host("shop"))
	text, err := os.ReadFile(filepath.Join("testdata", feature+".yaml"))
	must(t, err)
	for _, o := range f.apply(ctx, t, string(text)) {
		if o.GetKind() == "Deployment" {
			must(t, f.deployed(ctx, o.GetNamespace(), o.GetName()))
		}
	}
	f.answered(ctx, t, traffic.Request{Host: f.host("shop")}, fromBackend)
	f.answered(ctx, t, f.secure("shop"), fromBackend)
}

// apply applies manifests with the names of the fixture in them.
func (f *fixture) apply(ctx context.Context, t *testing.T, text string) []*kube.Object {
	t.Helper()
	text = strings.NewReplacer("${NAMESPACE}", f.namespace, "${DOMAIN}", f.namespace+".example", "${CLASS}", f.at.class).Replace(text)
	applied, err := f.kube.ApplyYAML(ctx, f.namespace, f.testcluster.Replaced(text))
	must(t, err)
	return applied
}

// certificate creates or updates a Secret with a new certificate, which it returns.
func (f *fixture) certificate(ctx context.Context, t *testing.T, name string, hosts ...string) pki.Pair {
	t.Helper()
	pair, err := f.ca.Server(hosts...)
	must(t, err)
	secret, err := kube.TLSSecret(f.namespace, name, pair)
	must(t, err)
	_, err = f.kube.Apply(ctx, f.namespace, secret)
	must(t, err)
	return pair
}

func (f *fixture) host(name string) string { return name + "." + f.namespace + ".example" }

// secure is a request to a host over TLS.
func (f *fixture) secure(name string) traffic.Request {
	return traffic.Request{Host: f.host(name), TLS: &traffic.TLS{Roots: f.ca.Pool()}}
}
