package app

import (
	"io"
	"strings"
	"testing"
)

// The flags of Contour's provisioner are accepted, and those with another name set the flags of serve.
func TestFlagsOfTheProvisioner(t *testing.T) {
	t.Parallel()
	c := provisionerCommand(Streams{Out: io.Discard, Err: io.Discard, Env: noEnv}, &logFlags{})
	args := strings.Fields("--contour-image=c --envoy-image=e --enable-leader-election=false --gateway-controller-name=x/y --incluster=true " +
		"--kubeconfig=k --leader-election-namespace=n --metrics-addr=127.0.0.1:9")
	if err := c.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	p := &provisionerFlags{namespace: "n", metrics: "127.0.0.1:9"}
	if err := p.apply(c.Flags()); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"gateway-api": "true", "gateway-provisioner": "true", "contour-image": "c", "envoy-image": "e", "gateway-controller-name": "x/y",
		"disable-leader-election": "true", "leader-election-resource-namespace": "n", "http-address": "127.0.0.1", "http-port": "9",
	} {
		if got := c.Flags().Lookup(flag).Value.String(); got != want {
			t.Errorf("--%s is %s, want %s", flag, got, want)
		}
	}
}

func TestWhatExcludesTheProvisioner(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"serve --gateway-provisioner --insecure": "cannot be --insecure",
		"serve --gateway-provisioner --contour-cafile=c --contour-cert-file=c --contour-key-file=c --config-path=testdata/gateway-ref.yaml": "choose one",
	} {
		var text strings.Builder
		if code := Main(strings.Fields(args), Streams{Out: io.Discard, Err: &text, Env: noEnv}); code == 0 || !strings.Contains(text.String(), want) {
			t.Errorf("%s: code %d, %s", args, code, text.String())
		}
	}
}
