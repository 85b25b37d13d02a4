// Command clireference writes docs/cli.md, the reference of all commands and flags, to standard output.
package main

import (
	"fmt"
	"os"

	"contour.example/contour/internal/app"
)

func main() {
	if err := app.WriteReference(os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "clireference: %v\n", err)
		os.Exit(1)
	}
}
