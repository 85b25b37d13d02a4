// Package provision computes the objects of the fleet of a Gateway: the pods of its Envoys, and how clients reach them.
//
// The input is what a Gateway asks for, the parameters of its class and its own, and the settings of the controller; the output is
// the objects, in the order in which they are created. Names, labels and selectors are those of Contour's provisioner, so that its
// objects are adopted with their addresses.
//
// The package has no client and no clock. It must not depend on the objects that exist.
package provision
