//go:build local && !kind

package gatewayapi_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"contour.example/harness/asset"
	"contour.example/harness/kubelet"
	"contour.example/harness/netns"
	"contour.example/harness/testsystem"
)

var (
	// gateways are the addresses of Gateways, and pods those of Pods, both in the namespace of the test only.
	gateways = netip.MustParsePrefix("198.18.0.0/16")
	pods     = netip.MustParsePrefix("10.244.0.0/16")
	// usable is the address that a test requests.
	usable = "198.18.200.1"

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
	if err := flag.Set("usable-address", usable); err != nil {
		return 1, err
	}
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
		if err = prepare(ctx, s.Kube, class); err != nil {
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
