// Package image makes container images without a container engine, and says whether
// an image can be pulled instead.
//
// In go files, programs and an image's settings; out comes an image whose digest
// depends on nothing else: no clock, no owner, no order. It can be written as an
// archive for an engine or a node, or, for several architectures, as an OCI layout
// to publish. Our own images are FROM scratch: one static program, user 65532.
//
// The package starts no container and writes only where it is told.
package image
