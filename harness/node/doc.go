// Package node builds the image of a kind node where no registry has one to pull.
//
// It takes programs that tools/cmd/assets builds from Go modules, and Debian packages,
// and makes an image that kind starts as a node: systemd, containerd,
// kubelet, and every image of the control plane in containerd's store. Parts
// are cached in the user's cache directory, keyed by their inputs.
//
// The image has no CNI daemon: containerd renders its configuration, and the caller
// that creates a cluster of several nodes adds the routes between them. It needs root.
package node
