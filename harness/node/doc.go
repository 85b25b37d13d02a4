// Package node makes the image of a kind node where no registry has one to pull.
//
// In go programs that tools/cmd/assets builds from Go modules, and packages of
// Debian; out comes an image that kind starts as a node: systemd, containerd,
// kubelet, and every image of the control plane in containerd's store already. Parts
// are kept in the user's cache, keyed by what they are made of.
//
// The image has no CNI daemon: containerd renders its configuration, and whoever
// creates a cluster of several nodes adds the routes between them. It needs root.
package node
