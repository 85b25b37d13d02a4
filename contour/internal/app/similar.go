package app

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contour.example/contour/internal/similar"
)

// maxTypos is how many letters of a flag may be wrong, missing or too many, for it to be suggested.
const maxTypos = 3

// similarFlag adds the most similar flag of the command to the error about one that does not exist.
func similarFlag(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return err
	}
	best, typos := "", maxTypos+1
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if n := similar.Distance(unknown.GetSpecifiedName(), f.Name); n < typos && !f.Hidden {
			best, typos = f.Name, n
		}
	})
	if best == "" {
		return err
	}
	return fmt.Errorf("%w; did you mean --%s?", err, best)
}
