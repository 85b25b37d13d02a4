//go:build local

package manifest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"contour.example/harness/asset"
	"contour.example/harness/kube"
	"contour.example/harness/local"
	"contour.example/harness/poll"
)

// restricted is a namespace with the strictest pod security.
const restricted = "restricted"

// waitTimeout bounds a wait for something that takes well below a second on an idle machine.
const waitTimeout = time.Minute

// environment is an API server with access control, and no controllers other than the one that is tested.
type environment struct {
	*testing.T
	cluster   *local.Cluster
	client    *kube.Client
	dynamic   dynamic.Interface
	discovery discovery.DiscoveryInterface
	contour   string
	// namespace is that of controller and Envoys of the kustomization, class the one that they serve.
	namespace, class string
}

func newEnvironment(t *testing.T) *environment {
	w := &environment{T: t}
	var err error
	if w.cluster, err = local.Start(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cluster.Stop() })
	if w.contour, err = asset.Contour(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(w.cluster.Config)
	config.WarningHandler = rest.NoWarnings{} // about kinds that are only counted
	if w.client, err = kube.New(config); err != nil {
		t.Fatal(err)
	}
	if w.dynamic, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	if w.discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		t.Fatal(err)
	}
	_, err = w.client.ApplyYAML(t.Context(), "", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+restricted+", labels: {pod-security.kubernetes.io/enforce: restricted}}\n")
	w.require(err)
	w.require(poll.Until(t.Context(), waitTimeout, "the API server's own Service", func(ctx context.Context) (bool, string, error) {
		_, err := w.client.Get(ctx, kube.Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Service"}, Namespace: "default", Name: "kubernetes"})
		return err == nil, fmt.Sprint(err), nil
	}))
	return w
}

func (w *environment) require(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// everything is all objects of the cluster except those that the API server creates itself at any time.
func (w *environment) everything() []string {
	w.Helper()
	var all []string
	for resource := range w.resources() {
		list, err := w.dynamic.Resource(resource).List(w.Context(), metav1.ListOptions{})
		if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) { // a kind that is being deleted
			continue
		}
		w.require(err)
		for _, o := range list.Items {
			if o.GetNamespace() != "kube-system" && o.GetKind() != "Event" {
				all = append(all, kube.RefTo(&o).String())
			}
		}
	}
	slices.Sort(all)
	return all
}

// resources are all that can be listed and deleted, and whether they are namespaced.
func (w *environment) resources() map[schema.GroupVersionResource]bool {
	w.Helper()
	lists, err := w.discovery.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		w.Fatal(err)
	}
	all := map[schema.GroupVersionResource]bool{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		w.require(err)
		for _, r := range list.APIResources {
			if slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "delete") {
				all[gv.WithResource(r.Name)] = r.Namespaced
			}
		}
	}
	return all
}

// endNamespace does what the namespace controller of a real cluster does after `kubectl delete`.
func (w *environment) endNamespace() {
	w.Helper()
	for resource, namespaced := range w.resources() {
		if !namespaced {
			continue
		}
		err := w.dynamic.Resource(resource).Namespace(w.namespace).DeleteCollection(w.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
		if err != nil && !apierrors.IsMethodNotSupported(err) && !apierrors.IsNotFound(err) {
			w.Fatal(err)
		}
	}
	namespaces := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	o, err := namespaces.Get(w.Context(), w.namespace, metav1.GetOptions{})
	w.require(err)
	unstructured.RemoveNestedField(o.Object, "spec", "finalizers")
	_, err = namespaces.Update(w.Context(), o, metav1.UpdateOptions{}, "finalize")
	w.require(err)
}

func (w *environment) waitForField(apiVersion, kind, name, want string, path ...string) {
	w.Helper()
	ref := kube.Ref{GroupVersionKind: schema.FromAPIVersionAndKind(apiVersion, kind), Namespace: "default", Name: name}
	w.require(poll.Until(w.Context(), waitTimeout, ref.String(), func(ctx context.Context) (bool, string, error) {
		o, err := w.client.Get(ctx, ref)
		if err != nil {
			return false, "", err
		}
		value, _, err := unstructured.NestedFieldNoCopy(o.Object, path...)
		got := strings.ReplaceAll(fmt.Sprint(value), " ipMode:VIP", "")
		return got == want, fmt.Sprintf("%v is %s, want %s", path, got, want), err
	}))
}

func (w *environment) waitForEvent(about string) {
	w.Helper()
	w.require(poll.Until(w.Context(), waitTimeout, "Event about "+about, func(ctx context.Context) (bool, string, error) {
		events, err := w.client.List(ctx, schema.GroupVersionKind{Group: "events.k8s.io", Version: "v1", Kind: "Event"}, "default")
		if err != nil {
			return false, "", err
		}
		return slices.ContainsFunc(events, func(o kube.Object) bool {
			name, _, _ := unstructured.NestedString(o.Object, "regarding", "name")
			return name == about
		}), fmt.Sprintf("%d Events", len(events)), nil
	}))
}

// kubeconfigOf is the kubeconfig of a service account.
func (w *environment) kubeconfigOf(account, dir string) string {
	w.Helper()
	k, err := clientcmd.LoadFromFile(w.cluster.Kubeconfig)
	w.require(err)
	for _, user := range k.AuthInfos {
		user.Impersonate = "system:serviceaccount:" + w.namespace + ":" + account
	}
	path := filepath.Join(dir, account+".kubeconfig")
	w.require(clientcmd.WriteToFile(*k, path))
	return path
}

// giveAddress assigns an address to the Service envoy, as a cloud provider does.
func (w *environment) giveAddress(ip string) {
	w.Helper()
	services := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace(w.namespace)
	o, err := services.Get(w.Context(), "envoy", metav1.GetOptions{})
	w.require(err)
	w.require(unstructured.SetNestedSlice(o.Object, []any{map[string]any{"ip": ip}}, "status", "loadBalancer", "ingress"))
	_, err = services.UpdateStatus(w.Context(), o, metav1.UpdateOptions{})
	w.require(err)
}
