// Command contour is an Ingress and Gateway controller: it watches Kubernetes (contour serve) or a
// directory of manifests (contour standalone) and is the xDS management server of Envoy.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	_ "golang.org/x/crypto/x509roots/fallback" // the roots for issuers of tokens, where the system has none, as in our image
	"k8s.io/klog/v2"

	"contour.example/contour/internal/app"
)

func main() {
	os.Exit(app.Main(os.Args[1:], app.Streams{Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, RedirectClientLog: redirectKlog}))
}

// redirectKlog sends the log of the Kubernetes client to the handler. klog is global to the process, and must be set
// before any client exists.
func redirectKlog(h slog.Handler, verbosity int) {
	klog.SetLogger(logr.FromSlogHandler(h))
	var level klog.Level
	_ = level.Set(fmt.Sprint(verbosity)) // a number always parses
}
