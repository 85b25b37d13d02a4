// Package progress prints the duration of each step of something long.
//
// It takes a writer and, for each step, its name and function, and prints a line
// when the step has ended, with its seconds. A step that fails is named in its error
// and in its line. Nothing is buffered: a line is printed as soon as the step has ended.
package progress

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Log prints steps. The zero value prints nothing.
type Log struct {
	// W is where the lines are written; nil prints nothing.
	W io.Writer
}

// Run does one step. A step is not begun when ctx is done.
func (l Log) Run(ctx context.Context, name string, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, context.Cause(ctx))
	}
	start := time.Now()
	err := do(ctx)
	result := ""
	if err != nil {
		result = "  failed"
		err = fmt.Errorf("%s: %w", name, err)
	}
	l.Printf("%-52s %6.1f s%s", name, time.Since(start).Seconds(), result)
	return err
}

// Printf prints a line.
func (l Log) Printf(format string, args ...any) {
	if l.W != nil {
		fmt.Fprintf(l.W, format+"\n", args...)
	}
}
