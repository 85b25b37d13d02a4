package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/stagetest"
)

// secretOf is the manifest of a Secret with a certificate for names.
func secretOf(t *testing.T, namespace, name string) string {
	t.Helper()
	pair, err := stagetest.NewPair("example.com", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	indent := func(pem []byte) string {
		return "\n    " + strings.ReplaceAll(strings.TrimSpace(string(pem)), "\n", "\n    ") + "\n"
	}
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\ntype: kubernetes.io/tls\nstringData:\n  tls.crt: |%s  tls.key: |%s---\n",
		name, namespace, indent(pair.Certificate), indent(pair.Key))
}

// shippedConfiguration is the file of the ConfigMap of the manifests.
func shippedConfiguration(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../manifests/base/configuration.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &object); err != nil || object.Data["contour.yaml"] == "" {
		t.Fatalf("%v in %s", err, text)
	}
	path := filepath.Join(t.TempDir(), "contour.yaml")
	if err := os.WriteFile(path, []byte(object.Data["contour.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The examples for a cluster are valid with the Secrets that a user or cert-manager adds, and serve what their comments say.
func TestExamplesForACluster(t *testing.T) {
	t.Parallel()
	closed := shippedConfiguration(t)
	secrets := manifest(t, secretOf(t, "shop", "secure-tls")+secretOf(t, "shop", "private-tls")+secretOf(t, "certificates", "wildcard-tls")+
		secretOf(t, "shop", "shop-tls")+secretOf(t, "shop", "wildcard-tls"))
	for dir, objects := range map[string]int{"httpproxy": 18, "ingress": 3, "gateway": 10} {
		files := []string{"-f", filepath.Join("../../../examples", dir), "-f", secrets, "-c", closed}
		code, out, errs := runMain(append([]string{"validate", "--fail-on=note"}, files...)...)
		if want := fmt.Sprintf("%d objects: 0 errors, 0 warnings, 0 notes", objects+5); code != 0 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %s%s, want %s", dir, code, out, errs, want)
		}
	}
	for _, c := range []struct {
		dir  string
		args []string
		want string // the first line after the arrow begins with it
	}{
		{"httpproxy", []string{"http://canary.example.com/"}, "answered by Service shop/www (weight 90) or Service shop/www-next (weight 10)"},
		{"httpproxy", []string{"http://canary.example.com/", "-H", "canary: always"}, "answered by Service shop/www-next"},
		{"httpproxy", []string{"http://secure.example.com/"}, "301 to https://secure.example.com/"},
		{"httpproxy", []string{"https://secure.example.com/"}, "answered by Service shop/www"},
		{"httpproxy", []string{"https://delegated.example.com/"}, "answered by Service shop/www"},
		{"httpproxy", []string{"http://teams.example.com/"}, "answered by Service shop/www"},
		{"httpproxy", []string{"http://teams.example.com/blog/1"}, "answered by Service blog/posts"},
		{"httpproxy", []string{"http://teams.example.com/blog/drafts/1"}, "answered by Service blog/drafts"},
		{"httpproxy", []string{"http://limits.example.com/"}, "answered by Service shop/api"},
		{"httpproxy", []string{"https://private.example.com/public"}, "answered by Service shop/www"},
		{"httpproxy", []string{"http://teams.example.com/blog%2F1"}, "307 to /blog/1: the path has an escaped slash"},
		{"httpproxy", []string{"http://teams.example.com/", "-H", "a_b: c"}, "400: the name of the header a_b has an underscore"},
		{"ingress", []string{"http://shop.example.com/"}, "301 to https://shop.example.com/"},
		{"ingress", []string{"https://shop.example.com/"}, "answered by Service shop/www"},
	} {
		args := append([]string{"explain", "-f", filepath.Join("../../../examples", c.dir), "-f", secrets, "-c", closed}, c.args...)
		code, out, errs := runMain(args...)
		first, _, _ := strings.Cut(out, "\n")
		if _, got, _ := strings.Cut(first, " -> "); code != 0 || !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: exit code %d, %s%s, want %s", c.args, code, first, errs, c.want)
		}
	}
}
