package settings

import (
	"os"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

// The file that the manifests bring is valid, and sets what separates clients and tenants to its closed value.
func TestConfigurationOfTheManifests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../manifests/base/configuration.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		t.Fatal(err)
	}
	d, err := File("contour.yaml", []byte(object.Data["contour.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Apply(config.Default())
	if err != nil || len(d.Ignored()) > 0 {
		t.Fatal(err, d.Ignored())
	}
	if c.HTTP.Underscores != ir.RejectUnderscores || c.HTTP.EscapedSlashes != ir.RedirectEscapedSlashes {
		t.Errorf("ambiguous requests are passed on: %+v", c.HTTP)
	}
	if o := c.Objects; !o.NamespacesOwnHosts || !o.InclusionNeedsConsent || !o.RootNamespacesBindIngress {
		t.Errorf("namespaces are not kept apart: %+v", o)
	}
	open, closed := reflect.ValueOf(config.Default().Budgets), reflect.ValueOf(c.Budgets)
	for i := range closed.NumField() {
		if is, most := closed.Field(i).Int(), open.Field(i).Int(); is < 1 || most > 0 && is >= most { // 0 bounds nothing
			t.Errorf("budget %s is %d, by default %d", closed.Type().Field(i).Name, is, most)
		}
	}
}
