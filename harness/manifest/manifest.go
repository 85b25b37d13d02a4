// Package manifest installs the manifests of this repository in a cluster, and uninstalls them.
//
// It takes the name of a kustomization, as a path below manifests/, and returns its objects, which Install applies as
// `kubectl apply` does and Uninstall deletes as `kubectl delete` does. The objects are not modified: tests install what
// production installs. The package does not wait for pods.
package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/asset"
	"contour.example/harness/kube"
)

// The kustomizations that can be applied.
const (
	// Base is the controller and an Envoy on every node; manifests/contour.yaml is the same.
	Base = "base"
	// EnvoyDeployment has Envoy as a Deployment without host ports.
	EnvoyDeployment = "overlays/envoy-deployment"
	// WatchedNamespaces is a controller that watches some namespaces only.
	WatchedNamespaces = "overlays/watched-namespaces"
	// AnotherClass is a second controller, for a cluster that has one: it shares only the CRDs with the first.
	AnotherClass = "overlays/another-class"
	// GatewayProvisioner is Base with a controller that serves the Gateway API with Envoys for each Gateway.
	GatewayProvisioner = "overlays/gateway-provisioner"
)

// Namespace is that of controller and Envoys, except for AnotherClass.
const Namespace = "projectcontour"

// Text is the manifests of the kustomization, as `kubectl kustomize` prints them.
func Text(ctx context.Context, kustomization string) (string, error) {
	root, err := asset.Root()
	if err != nil {
		return "", err
	}
	var out, diagnosis bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "run", "./manifestgen", "-print", filepath.Join(root, "manifests", filepath.FromSlash(kustomization)))
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(root, "tools"), &out, &diagnosis
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("manifests %s: %w\n%s", kustomization, err, &diagnosis)
	}
	return out.String(), nil
}

// Objects are those of the kustomization, in an order in which they can be applied.
func Objects(ctx context.Context, kustomization string) ([]*kube.Object, error) {
	text, err := Text(ctx, kustomization)
	if err != nil {
		return nil, err
	}
	objects, err := kube.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("manifests %s: %w", kustomization, err)
	}
	return objects, nil
}

// Install applies the objects and returns, as the server has them, when the kinds that they define are served.
func Install(ctx context.Context, client *kube.Client, objects []*kube.Object) ([]*kube.Object, error) {
	applied, err := client.Apply(ctx, "", objects...)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		for _, kind := range defined(o) {
			if err := client.WaitForKind(ctx, kind); err != nil {
				return nil, err
			}
		}
	}
	return applied, nil
}

// defined is the kinds that a CustomResourceDefinition defines; none of any other object.
func defined(o *kube.Object) (kinds []schema.GroupVersionKind) {
	if o.GetKind() != "CustomResourceDefinition" {
		return nil
	}
	group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
	for _, v := range versions {
		if version, ok := v.(map[string]any); ok && version["served"] == true {
			kinds = append(kinds, schema.GroupVersionKind{Group: group, Version: fmt.Sprint(version["name"]), Kind: kind})
		}
	}
	return kinds
}

// Uninstall deletes the objects, the last ones first; one that does not exist is not an error.
func Uninstall(ctx context.Context, client *kube.Client, objects []*kube.Object) error {
	var errs []error
	for _, o := range slices.Backward(objects) {
		errs = append(errs, client.Delete(ctx, kube.RefTo(o)))
	}
	return errors.Join(errs...)
}
