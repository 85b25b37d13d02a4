package settings

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	kyaml "sigs.k8s.io/yaml"

	"contour.example/contour/internal/config"
)

// The configuration of the manifests keeps namespaces apart in every way that there is a setting for.
func TestShippedConfigurationIsClosed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../manifests/base/configuration.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var shipped corev1.ConfigMap
	if err := kyaml.UnmarshalStrict(text, &shipped); err != nil {
		t.Fatal(err)
	}
	d, err := File("contour.yaml", []byte(shipped.Data["contour.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Apply(config.Default())
	if o := got.Objects; err != nil || !o.NamespacesOwnHosts || !o.InclusionNeedsConsent || !o.RootNamespacesBindIngress {
		t.Errorf("%v, %+v", err, o)
	}
	if open := config.Default().Objects; open.NamespacesOwnHosts || open.InclusionNeedsConsent || open.RootNamespacesBindIngress {
		t.Errorf("without a file, the settings are not Contour's: %+v", open)
	}
}
