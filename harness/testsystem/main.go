package testsystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Main is the body of a TestMain: it starts a system, calls use with it, runs the
// tests and stops it. If anything fails, the logs and Envoy's configuration are left in
// $CONTOUR_ARTIFACTS or, without that, in the system's directory, which a line of output names. The result is for os.Exit.
func Main(m *testing.M, o Options, use func(*System)) int {
	ctx := context.Background()
	s, err := Start(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(s)
	code := m.Run()
	if err := s.Check(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "after the tests:", err)
		code = 1
	}
	if code != 0 {
		if err := s.saveArtifacts(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if err := s.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code != 0 && os.Getenv("CONTOUR_ARTIFACTS") == "" {
		return code
	}
	if err := s.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// saveArtifacts dumps Envoy and copies what helps to understand a failure.
func (s *System) saveArtifacts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dump, err := s.Envoy.ConfigDump(ctx)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.Dir, "envoy-config.json"), dump, 0o644)
	}
	into := os.Getenv("CONTOUR_ARTIFACTS")
	if into == "" {
		fmt.Fprintln(os.Stderr, "logs are in", s.Dir)
		return err
	}
	into = filepath.Join(into, filepath.Base(s.Dir))
	fmt.Fprintln(os.Stderr, "logs are in", into)
	return errors.Join(err, copyLogs(s.Dir, into))
}

// copyLogs copies logs and dumps, but neither data nor keys.
func copyLogs(from, into string) error {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return fmt.Errorf("artifacts: %w", err)
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != from {
			return fs.SkipDir
		}
		name := entry.Name()
		if entry.IsDir() || !strings.HasSuffix(name, ".log") && !strings.HasSuffix(name, ".json") {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("artifacts: %w", err)
		}
		return os.WriteFile(filepath.Join(into, name), content, 0o644)
	})
}
