package app

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// arguments accepts a number of arguments, and says otherwise how the command is called.
func arguments(least, most int) cobra.PositionalArgs {
	number := map[[2]int]string{{0, 0}: "no arguments", {1, 1}: "one argument", {0, 1}: "at most 1 argument", {0, 2}: "at most 2 arguments", {1, maxPaths}: "one or more arguments"}[[2]int{least, most}]
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		name := strings.TrimSuffix(c.CommandPath(), c.Name())
		return fmt.Errorf("%s takes %s, and got %d: %s%s", c.CommandPath(), number, len(args), name, c.Use)
	}
}
