// Command envoybootstrap writes the bootstrap file of Envoy; it is what the
// init container of an Envoy pod runs. See package envoybootstrap.
package main

import (
	"os"

	"contour.example/envoybootstrap"
)

func main() {
	os.Exit(envoybootstrap.Run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
