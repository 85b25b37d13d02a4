//go:build local

package e2e

import (
	"os"
	"testing"

	"contour.example/harness/testsystem"
)

// shared is the system of all tests that do not break it. Set once, before they run.
var shared *testsystem.System

func TestMain(m *testing.M) {
	o := testsystem.Options{ServeArgs: []string{"--ingress-status-address=192.0.2.10,lb.example"}}
	os.Exit(testsystem.Main(m, o, func(s *testsystem.System) { shared = s }))
}
