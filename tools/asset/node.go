package asset

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
)

// The programs of a cluster node besides kube-apiserver and etcd. The wrapper modules
// pin the same versions; a test compares.
const (
	containerdVersion    = "2.4.2"
	cniVersion           = "1.9.1"
	corednsVersion       = "1.14.6"
	cloudProviderVersion = "0.10.0"
)

// NodePrograms are the names that NodeProgram knows, sorted.
func NodePrograms() []string { return slices.Sorted(maps.Keys(nodePrograms())) }

// NodeProgram is a program of a cluster node, built from its wrapper module. root
// is the repository's root; ok is false for an unknown name.
func NodeProgram(root, name string) (a Asset, ok bool, err error) {
	p, ok := nodePrograms()[name]
	if !ok {
		return Asset{}, false, nil
	}
	p.name, p.module = name, filepath.Join(root, "tools", p.module)
	a, err = p.asset()
	return a, true, err
}

// CloudProvider is cloud-provider-kind, the load balancer that runs beside a
// cluster. root is the repository's root.
func CloudProvider(root string) (Asset, error) {
	return program{
		name: "cloud-provider-kind", version: cloudProviderVersion, hint: "building, about 3 minutes on 2 cores",
		module: filepath.Join(root, "tools", "cloudprovider"), target: "sigs.k8s.io/cloud-provider-kind",
	}.asset()
}

func nodePrograms() map[string]program {
	all := map[string]program{
		"coredns": {
			version: corednsVersion, hint: "building, about 3 minutes on 2 cores",
			module: "coredns", target: "github.com/coredns/coredns",
		},
	}
	for _, name := range []string{"kubelet", "kubeadm", "kubectl", "kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		all[name] = program{
			version: kubernetesVersion, hint: "building, up to 3 minutes on 2 cores", variables: kubernetesVariables(),
			module: "kubernetes", target: "k8s.io/kubernetes/cmd/" + name,
		}
	}
	const containerd = "github.com/containerd/containerd/v2/"
	for _, name := range []string{"containerd", "ctr", "containerd-shim-runc-v2"} {
		all[name] = program{
			version: containerdVersion, hint: "building, up to a minute on 2 cores",
			module: "containerd", target: containerd + "cmd/" + name,
			variables: []string{containerd + "version.Version=v" + containerdVersion},
			tags:      "no_aufs,no_zfs,no_btrfs,no_devmapper",
		}
	}
	for _, plugin := range []string{"main/ptp", "main/loopback", "ipam/host-local", "meta/portmap"} {
		all[path.Base(plugin)] = program{
			version: cniVersion, hint: "building",
			module: "cni", target: "github.com/containernetworking/plugins/plugins/" + plugin,
		}
	}
	return all
}
