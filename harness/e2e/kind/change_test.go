//go:build kind

package kind

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// change creates one more host, and returns when it is served and its HTTPProxy is valid.
func (f *fixture) change(ctx context.Context, t *testing.T, host string, timeout time.Duration) {
	t.Helper()
	start := time.Now()
	applied := f.apply(ctx, t, `
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: `+host+`}
spec:
  ingressClassName: ${CLASS}
  virtualhost: {fqdn: "`+host+`.${DOMAIN}"}
  routes: [{services: [{name: echo, port: 80}]}]
`)
	f.at.answeredWithin(ctx, t, timeout, traffic.Request{Host: f.host(host)}, fromBackend)
	t.Logf("%s is served after %s", host, time.Since(start).Round(time.Millisecond))
	must(t, poll.Until(ctx, timeout, "status of "+host, func(ctx context.Context) (bool, string, error) {
		o, err := f.kube.Get(ctx, kube.RefTo(applied[0]))
		if err != nil {
			return false, err.Error(), nil
		}
		status, _, _ := unstructured.NestedString(o.Object, "status", "currentStatus")
		return status == "valid", "status " + status, nil
	}))
}

// ref names an object of the fixture's namespace.
func (f *fixture) ref(apiVersion, kind, name string) kube.Ref {
	return kube.Ref{GroupVersionKind: schema.FromAPIVersionAndKind(apiVersion, kind), Namespace: f.namespace, Name: name}
}
