package app

import (
	"k8s.io/client-go/rest"

	"contour.example/contour/internal/kubeclient"
)

// clusterConfig is the configuration that the flags --incluster and --kubeconfig choose.
func clusterConfig(inCluster bool, kubeconfig string) (*rest.Config, error) {
	if inCluster {
		return kubeclient.InCluster()
	}
	return kubeclient.FromFile(kubeconfig)
}
