//go:build local

package gatewayapi_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/netip"
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

	"contour.example/harness/asset"
	"contour.example/harness/kube"
	"contour.example/harness/kubelet"
	"contour.example/harness/netns"
	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
)

var (
	// gateways are the addresses of Gateways, and pods those of Pods, both in the namespace of the test only.
	gateways = netip.MustParsePrefix("198.18.0.0/16")
	pods     = netip.MustParsePrefix("10.244.0.0/16")
	// usable is an address that a test requests; unusable is in no range.
	usable, unusable = "198.18.200.1", "192.0.2.1"

	lane = flag.String("lane", "shared", "shared: one Envoy serves all Gateways; dedicated: the provisioner creates Envoys for each")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, done, err := netns.Reexec()
	if !done && err == nil {
		code, err = run(context.Background(), m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (int, error) {
	bridge, err := netns.NewBridge("pods", pods)
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "pods-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	options := kubelet.Options{Dir: dir, Bridge: bridge}
	if options.Programs, err = build(ctx, dir); err != nil {
		return 1, err
	}
	var args []string
	switch *lane {
	case "shared":
		args, err = []string{"--gateway-api", "--gateway-addresses=" + gateways.String()}, netns.Local(gateways)
	case "dedicated":
		args, err = dedicated(ctx, dir, &options)
	default:
		err = fmt.Errorf("lane %q: want shared or dedicated", *lane)
	}
	if err != nil {
		return 1, err
	}
	code := testsystem.Main(m, testsystem.Options{ServeArgs: args}, func(s *testsystem.System) {
		if err = os.Setenv("KUBECONFIG", s.Cluster.Kubeconfig); err != nil { // the suite reads it
			return
		}
		if err = prepare(ctx, s); err != nil {
			return
		}
		var node *kubelet.Kubelet
		options.Config = s.Cluster.Config
		node, err = kubelet.Start(ctx, options)
		if err == nil {
			s.OnStop(node.Stop)
		}
	})
	return code, err
}

// The images of the pods of Envoys, without tags: those that the provisioner uses by default.
const envoyImage, contourImage = "docker.io/envoyproxy/envoy", "contour.example/contour"

// dedicated makes the pods of Envoys and the addresses of their Services possible, and returns the arguments of a controller that provisions
// them.
func dedicated(ctx context.Context, dir string, o *kubelet.Options) ([]string, error) {
	var err error
	if o.Programs[contourImage], err = asset.Contour(ctx, dir); err != nil {
		return nil, err
	}
	if o.Programs[envoyImage], err = asset.Get(ctx, "envoy"); err != nil {
		return nil, err
	}
	if err := o.Bridge.Route(gateways); err != nil {
		return nil, err
	}
	o.LoadBalancers = gateways
	authority := filepath.Join(dir, "authority")
	cmd := exec.CommandContext(ctx, o.Programs[contourImage], "certgen", "--pem", "--fleet-authority", "--namespace="+testsystem.Namespace, authority)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("certgen: %w\n%s", err, out)
	}
	return []string{
		"--gateway-provisioner", "--xds-address=0.0.0.0", "--fleet-xds-address=" + o.Bridge.Address.String(),
		"--fleet-ca-cert-file=" + filepath.Join(authority, "fleetca.pem"), "--fleet-ca-key-file=" + filepath.Join(authority, "fleetcakey.pem"),
	}, nil
}

// build compiles the programs of the images that the suite uses.
func build(ctx context.Context, dir string) (map[string]string, error) {
	programs := map[string]string{}
	for image, pkg := range map[string]string{
		"registry.k8s.io/gateway-api/echo-basic": "sigs.k8s.io/gateway-api/conformance/echo-basic",
		"registry.k8s.io/coredns/coredns":        "./cmd/dns",
	} {
		programs[image] = filepath.Join(dir, "build", filepath.Base(pkg))
		cmd := exec.CommandContext(ctx, "go", "build", "-o", programs[image], pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, bytes.TrimSpace(out))
		}
	}
	return programs, nil
}

// prepare installs the CRDs of the suite's version, of the experimental channel, and a GatewayClass.
func prepare(ctx context.Context, s *testsystem.System) error {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		return fmt.Errorf("module of the CRDs: %w", err)
	}
	if err := s.Kube.InstallCRDs(ctx, filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "experimental")); err != nil {
		return err
	}
	_, err = s.Kube.ApplyYAML(ctx, "", `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec: {controllerName: projectcontour.io/gateway-controller}
`)
	if err != nil {
		return err
	}
	return waitForFeatures(ctx, s.Kube)
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
	o.UsableNetworkAddresses = []gatewayv1.GatewaySpecAddress{address(usable)}
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
