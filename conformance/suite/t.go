package suite

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
)

// T is a test that is running. Its methods wait for what they expect; after the first
// failure they do nothing any more, so that a test function reads as a list of expectations.
type T struct {
	ctx       context.Context
	runner    *Runner
	timeout   time.Duration
	namespace string
	addresses map[string]string // of started backends, by name
	undo      []func(context.Context) error
	err       error
}

// Failf makes the test fail, unless it has failed already.
func (t *T) Failf(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
}

// Eventually polls until nothing is wrong. check returns what is wrong, or "".
func (t *T) Eventually(what string, check func(context.Context) (wrong string)) {
	if t.err != nil {
		return
	}
	t.err = poll.Until(t.ctx, t.timeout, what, func(ctx context.Context) (bool, string, error) {
		wrong := check(ctx)
		return wrong == "", wrong, nil
	})
}

// Apply applies manifests, which are treated as Test.Manifests.
func (t *T) Apply(manifests string) {
	if t.err != nil {
		return
	}
	ca := base64.StdEncoding.EncodeToString(t.runner.CA.Cert)
	objects, err := kube.Parse(strings.ReplaceAll(t.Expand(manifests), "${CA}", ca))
	if err != nil {
		t.Failf("manifests: %w", err)
		return
	}
	for _, o := range objects {
		if err := setClass(o, t.runner.Class); err != nil {
			t.Failf("class of %s: %w", kube.RefTo(o), err)
		}
	}
	t.apply(objects...)
}

// Delete deletes an object of ${NAMESPACE}.
func (t *T) Delete(apiVersion, kind, name string) {
	if t.err == nil {
		t.err = t.runner.Kube.Delete(t.ctx, t.ref(apiVersion, kind, name))
	}
}

// Object waits until nothing is wrong with an object of ${NAMESPACE}.
func (t *T) Object(apiVersion, kind, name string, check func(*kube.Object) (wrong string)) {
	ref := t.ref(apiVersion, kind, name)
	t.Eventually(ref.String(), func(ctx context.Context) string {
		o, err := t.runner.Kube.Get(ctx, ref)
		if err != nil {
			return err.Error()
		}
		return check(o)
	})
}

func (t *T) ref(apiVersion, kind, name string) kube.Ref {
	return kube.Ref{
		GroupVersionKind: schema.FromAPIVersionAndKind(apiVersion, kind), Namespace: t.namespace, Name: name,
	}
}

// prepare creates all that the test needs before its function is called. It waits for pods last, so that they
// start while the rest is created; and it waits for them here, so that a test waits for the controller only.
func (t *T) prepare(test Test) {
	t.createNamespace()
	for _, name := range test.Namespaces {
		t.namespaceObject(t.in(name))
	}
	var running []Running
	for _, b := range test.Backends {
		running = append(running, t.startBackend(b))
	}
	if test.RateLimits {
		t.StartBackend(t.rateLimitService())
	}
	for _, c := range test.Certificates {
		t.Issue(c)
	}
	t.Apply(test.Manifests)
	for i, r := range running {
		if t.err == nil {
			t.wrap("backend "+test.Backends[i].Name, r.Ready(t.ctx))
		}
	}
}

func (t *T) createNamespace() {
	if t.namespace, t.err = t.runner.Kube.CreateNamespace(t.ctx, "conformance"); t.err != nil {
		return
	}
	ref := kube.Ref{GroupVersionKind: schema.FromAPIVersionAndKind("v1", "Namespace"), Name: t.namespace}
	t.undo = append(t.undo, func(ctx context.Context) error { return t.runner.Kube.Delete(ctx, ref) })
	t.namespaceObject(t.namespace)
}

// namespaceObject creates a namespace for restricted pods only, or restricts an existing one.
func (t *T) namespaceObject(name string) {
	t.Apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: '" + name +
		"', labels: {pod-security.kubernetes.io/enforce: restricted}}\n")
}

// StartBackend starts a backend while the test runs, and waits until it answers.
func (t *T) StartBackend(b Backend) {
	if running := t.startBackend(b); t.err == nil {
		t.wrap("backend "+b.Name, running.Ready(t.ctx))
	}
}

// startBackend returns nil if t has failed.
func (t *T) startBackend(b Backend) Running {
	if t.err != nil {
		return nil
	}
	if !b.absolute {
		b.Namespace = t.in(b.Namespace)
	}
	b.TLS = t.Expand(b.TLS)
	if b.Port == 0 {
		b.Port = 80
	}
	b.Endpoints = max(1, b.Endpoints)
	running, err := t.runner.Backends.Start(t.ctx, b)
	if err != nil {
		t.wrap("backend "+b.Name, err)
		return nil
	}
	t.undo = append(t.undo, running.Stop)
	if t.addresses == nil {
		t.addresses = map[string]string{}
	}
	t.addresses[b.Name] = running.Address()
	return running
}

// rateLimitService creates the ExtensionService, and returns its backend.
func (t *T) rateLimitService() Backend {
	namespace, name, _ := strings.Cut(t.runner.RateLimitService, "/")
	t.Apply(fmt.Sprintf(`
apiVersion: projectcontour.io/v1alpha1
kind: ExtensionService
metadata: {name: %[2]q, namespace: %[1]q}
spec: {protocol: h2c, services: [{name: %[2]q, port: 80}], timeoutPolicy: {response: 5s}}
`, namespace, name))
	return Backend{Name: name, Namespace: namespace, absolute: true}
}

func (t *T) wrap(what string, err error) {
	if err != nil {
		t.Failf("%s: %w", what, err)
	}
}

// Issue makes a certificate like those of Test.Certificates.
func (t *T) Issue(c Certificate) {
	if t.err != nil {
		return
	}
	var hosts []string
	for _, h := range c.Hosts {
		hosts = append(hosts, t.Expand(h))
	}
	pair, err := t.runner.CA.Server(hosts...)
	if err != nil {
		t.Failf("certificate %s: %w", c.Name, err)
		return
	}
	secret, err := kube.TLSSecret(t.in(c.Namespace), c.Name, pair)
	if err != nil {
		t.Failf("certificate %s: %w", c.Name, err)
		return
	}
	if c.Opaque {
		secret.Object["type"] = string(corev1.SecretTypeOpaque)
	}
	t.apply(secret)
}

func (t *T) apply(objects ...*kube.Object) {
	if t.err != nil {
		return
	}
	applied, err := t.runner.Kube.Apply(t.ctx, t.namespace, objects...)
	for _, o := range applied {
		t.undo = append(t.undo, func(ctx context.Context) error { return t.runner.Kube.Delete(ctx, kube.RefTo(o)) })
	}
	t.err = err
}

// cleanUp removes everything, last first, also when the test was interrupted.
func (t *T) cleanUp() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), DefaultTimeout)
	defer cancel()
	errs := []error{t.err}
	for i := len(t.undo) - 1; i >= 0; i-- {
		errs = append(errs, t.undo[i](ctx))
	}
	t.err = errors.Join(errs...)
}

// in is the full name of the namespace name of a test.
func (t *T) in(name string) string {
	if name == "" {
		return t.namespace
	}
	return t.namespace + "-" + name
}

// Expand replaces ${NAMESPACE}, ${DOMAIN} and ${ADDRESS:name}.
func (t *T) Expand(text string) string {
	values := []string{"${NAMESPACE}", t.namespace, "${DOMAIN}", t.namespace + ".example"}
	for name, address := range t.addresses {
		values = append(values, "${ADDRESS:"+name+"}", address)
	}
	return strings.NewReplacer(values...).Replace(text)
}

// setClass sets the class of an Ingress or HTTPProxy that has none.
func setClass(o *kube.Object, class string) error {
	if class == "" || o.GetKind() != "Ingress" && o.GetKind() != "HTTPProxy" {
		return nil
	}
	annotations := o.GetAnnotations()
	for _, key := range []string{"kubernetes.io/ingress.class", "projectcontour.io/ingress.class"} {
		if annotations[key] != "" {
			return nil
		}
	}
	_, named, err := unstructured.NestedString(o.Object, "spec", "ingressClassName")
	if err != nil || named {
		return err
	}
	return unstructured.SetNestedField(o.Object, class, "spec", "ingressClassName")
}
