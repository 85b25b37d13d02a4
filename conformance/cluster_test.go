//go:build conformance && !local && !kind

package conformance_test

import (
	"context"
	"testing"

	"contour.example/conformance/suite"
)

// run tests the controller in the cluster of the flags.
func run(ctx context.Context, m *testing.M, o suite.Options, suites []suite.Suite) (int, error) {
	found, err := o.Plan(ctx, suites)
	if err != nil {
		return 0, err
	}
	plan = found
	return m.Run(), nil
}
