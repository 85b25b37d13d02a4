package drain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// gateInterval is the interval at which Wait checks the file.
const gateInterval = 200 * time.Millisecond

// Gate is the path of a file that exists when Envoy may be stopped.
type Gate string

// Open creates the file.
func (g Gate) Open() error {
	if err := os.WriteFile(string(g), nil, 0o644); err != nil {
		return fmt.Errorf("gate: %w", err)
	}
	return nil
}

// Shut removes the file, which may exist from an earlier drain.
func (g Gate) Shut() error {
	if err := os.Remove(string(g)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("gate: %w", err)
	}
	return nil
}

// Wait returns when the file exists, or with the error of the context.
func (g Gate) Wait(ctx context.Context) error {
	for {
		if _, err := os.Stat(string(g)); err == nil {
			return nil
		}
		if err := wait(ctx, gateInterval); err != nil {
			return err
		}
	}
}
