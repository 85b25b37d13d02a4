// Package image makes container images without a container engine, and decides whether
// an image can be pulled instead.
//
// It takes files, programs and an image's settings and makes an image whose digest
// depends on nothing else: no clock, no owner, no order. It can be written as an
// archive for an engine or a node, or, for several architectures, as an OCI layout
// to publish. Our own images are FROM scratch: one static program, user 65532.
//
// The package starts no container and writes only to the paths that it is given.
package image
