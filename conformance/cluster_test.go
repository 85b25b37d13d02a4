//go:build conformance && !local

package conformance_test

import (
	"fmt"
	"os"
	"testing"

	"contour.example/conformance/suite"
)

// run tests the controller that the flags lead to.
func run(m *testing.M, o suite.Options) int {
	r, err := o.Runner()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 1
	}
	runner, options = r, o
	return m.Run()
}
