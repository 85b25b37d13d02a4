//go:build kind

package gatewayapi_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"contour.example/harness/kube"
)

// parameters are those of the Envoys: with the requests that they have by default, a node with two processors has room for nine of them, and the
// suite creates more.
const parameters = `
apiVersion: projectcontour.io/v1alpha1
kind: ContourDeployment
metadata: {name: envoys, namespace: projectcontour}
spec:
  envoy: {resources: {requests: {cpu: 10m, memory: 64Mi}}}
`

// TestMain prepares the cluster of the flag -kubeconfig, which the suite reads too. A controller that provisions Envoys is installed there, and the
// nodes have the images of the suite.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := prepareCluster(context.Background(), flag.Lookup("kubeconfig").Value.String()); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func prepareCluster(ctx context.Context, kubeconfig string) error {
	config, err := kube.Config(kubeconfig, "")
	if err != nil {
		return err
	}
	c, err := kube.New(config)
	if err != nil {
		return err
	}
	return prepare(ctx, c, parameters+"---"+class+"  parametersRef: {group: projectcontour.io, kind: ContourDeployment, name: envoys, namespace: projectcontour}\n")
}
