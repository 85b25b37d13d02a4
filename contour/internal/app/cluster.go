package app

import (
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kubeclient"
)

// clusterConfig is the configuration that the flags --incluster and --kubeconfig choose.
func clusterConfig(inCluster bool, kubeconfig string) (*rest.Config, error) {
	if inCluster {
		return kubeclient.InCluster()
	}
	return kubeclient.FromFile(kubeconfig)
}

// apiConfig is how the API server is reached.
func apiConfig(a config.API) (*rest.Config, error) {
	found, err := clusterConfig(a.InCluster, a.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubeclient.WithRateLimit(found, a.QPS, a.Burst), nil
}
