//go:build local || kind

package gatewayapi_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/yaml"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
)

// unusable is an address of documentation, which no cluster has.
const unusable = "192.0.2.1"

// class is the GatewayClass of the suite.
const class = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec:
  controllerName: projectcontour.io/gateway-controller
`

// prepare installs the CRDs of the suite's version, of the experimental channel, and creates the objects of the text, with a GatewayClass.
func prepare(ctx context.Context, c *kube.Client, objects string) error {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		return fmt.Errorf("module of the CRDs: %w", err)
	}
	if err := c.InstallCRDs(ctx, filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "experimental")); err != nil {
		return err
	}
	if _, err = c.ApplyYAML(ctx, "", objects); err != nil {
		return err
	}
	return waitForFeatures(ctx, c)
}

// waitForFeatures waits until the class claims features of each kind, which follow their CRDs. The suite reads them once.
func waitForFeatures(ctx context.Context, c *kube.Client) error {
	class := kube.Ref{GroupVersionKind: schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: "v1", Kind: "GatewayClass"}, Name: "contour"}
	want := []string{"BackendTLSPolicy", "GRPCRoute", "Gateway", "HTTPRoute", "ListenerSet", "ReferenceGrant", "TCPRoute", "TLSRoute", "UDPRoute"}
	return poll.Until(ctx, time.Minute, "features of the class", func(ctx context.Context) (bool, string, error) {
		o, err := c.Get(ctx, class)
		if err != nil {
			return false, "", err
		}
		features, _, err := unstructured.NestedSlice(o.Object, "status", "supportedFeatures")
		if err != nil {
			return false, "", err
		}
		missing := slices.DeleteFunc(slices.Clone(want), func(name string) bool {
			return slices.ContainsFunc(features, func(f any) bool { return f.(map[string]any)["name"] == name })
		})
		return len(missing) == 0, fmt.Sprintf("missing: %v", missing), nil
	})
}

// The suite passes with the features that the GatewayClass claims. Flags of the suite, such as -run-test, may follow -args.
func TestConformance(t *testing.T) {
	t.Cleanup(func() { normalize(t) })
	o := conformance.DefaultOptions(t)
	o.GatewayClassName = "contour"
	if o.ConformanceProfiles == nil {
		o.ConformanceProfiles = []suite.ConformanceProfileName{
			suite.GatewayHTTPConformanceProfileName, suite.GatewayGRPCConformanceProfileName,
			suite.GatewayTLSConformanceProfileName, suite.GatewayTCPConformanceProfileName, suite.GatewayUDPConformanceProfileName,
		}
	}
	o.UnusableNetworkAddresses = []gatewayv1.GatewaySpecAddress{address(unusable)}
	o.Implementation = confv1.Implementation{
		Organization: "contour", Project: "contour", URL: "https://contour.example", Version: "devel", Contact: []string{"https://contour.example"},
	}
	conformance.RunConformanceWithOptions(t, o)
}

// normalize removes the date from the report and sorts the profiles, so that it changes only when a result changes.
func normalize(t *testing.T) {
	t.Helper()
	path := flag.Lookup("report-output").Value.String()
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	var report map[string]any
	if err := yaml.Unmarshal(text, &report); err != nil {
		t.Error(err)
		return
	}
	delete(report, "date")
	profiles, _ := report["profiles"].([]any)
	slices.SortFunc(profiles, func(a, b any) int { return cmp.Compare(profileName(a), profileName(b)) })
	if text, err = yaml.Marshal(report); err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

func profileName(profile any) string {
	of, _ := profile.(map[string]any)
	name, _ := of["name"].(string)
	return name
}

func address(ip string) gatewayv1.GatewaySpecAddress {
	of := gatewayv1.IPAddressType
	return gatewayv1.GatewaySpecAddress{Type: &of, Value: ip}
}
