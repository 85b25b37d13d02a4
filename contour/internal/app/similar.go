package app

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contour.example/contour/internal/similar"
)

// maxTypos is how many letters of a flag may be wrong, missing or too many, for it to be suggested.
const maxTypos = 3

// flagError says what is wrong with a flag: with the most similar one of the command if it does not exist, and with what it takes otherwise.
func flagError(c *cobra.Command, err error) error {
	var (
		invalid *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		if takes := takes(f); takes != "" {
			return fmt.Errorf("--%s: %q is not %s", f.Name, invalid.GetValue(), takes)
		}
		return fmt.Errorf("--%s: %w", f.Name, invalid.Unwrap())
	case errors.As(err, &missing):
		return fmt.Errorf("--%s: a value is needed: %s", missing.GetFlag().Name, cmp.Or(takes(missing.GetFlag()), missing.GetFlag().Usage))
	}
	return similarFlag(c, err)
}

// takes describes the values of a flag of a type of package pflag; "" for other types, whose errors say it.
func takes(f *pflag.Flag) string {
	if _, ours := f.Value.(*portValue); ours {
		return ""
	}
	switch f.Value.Type() {
	case "uint16":
		return "a port, 0 to 65535"
	case "bool":
		return "true or false"
	case "int", "int32", "int64":
		return "a whole number"
	case "uint", "uint32", "uint64":
		return "a whole number that is not negative"
	case "float32", "float64":
		return "a number"
	case "duration":
		return "a duration, such as 30s or 5m"
	}
	return ""
}

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
