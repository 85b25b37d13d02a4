//go:build local

package e2e

import (
	"os"
	"testing"

	"contour.example/harness/stack"
)

// shared is the stack of all tests that do not break it. Set once, before they run.
var shared *stack.Stack

func TestMain(m *testing.M) {
	o := stack.Options{ServeArgs: []string{"--ingress-status-address=192.0.2.10,lb.example"}}
	os.Exit(stack.Main(m, o, func(s *stack.Stack) { shared = s }))
}
