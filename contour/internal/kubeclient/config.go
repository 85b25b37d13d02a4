package kubeclient

import (
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// InCluster returns the configuration of the pod's service account.
func InCluster() (*rest.Config, error) {
	c, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("service account of the pod: %w", err)
	}
	return c, nil
}

// FromFile returns the configuration of a kubeconfig; "" looks for it where kubectl does.
func FromFile(kubeconfig string) (*rest.Config, error) { return FromContext(kubeconfig, "") }

// FromContext returns the configuration of a context of a kubeconfig; "" is the current context.
func FromContext(kubeconfig, context string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: context}).ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, errors.New("kubeconfig: there is none, neither at $KUBECONFIG nor at ~/.kube/config: give its path with --kubeconfig")
	case err != nil:
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return c, nil
}

// WithRateLimit sets the client-side limits. Zero turns them off: the API server's own priority and
// fairness protects it better than a fixed rate in every client, and client-go's default of 5 requests a
// second would make the statuses of a large cluster take minutes.
func WithRateLimit(c *rest.Config, qps float32, burst int) *rest.Config {
	c = rest.CopyConfig(c)
	c.QPS, c.Burst = qps, burst
	if qps == 0 {
		c.QPS = -1
	}
	return c
}
