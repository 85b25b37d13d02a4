// Command contour is an Ingress and Gateway controller: it watches Kubernetes (contour serve) or a
// directory of manifests (contour standalone) and is the xDS management server of Envoy.
package main

import (
	"os"

	"contour.example/contour/internal/app"
)

func main() {
	os.Exit(app.Main(os.Args[1:], app.Streams{Out: os.Stdout, Err: os.Stderr, Env: os.Getenv}))
}
