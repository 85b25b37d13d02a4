package drain_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"contour.example/contour/internal/drain"
)

func TestGate(t *testing.T) {
	t.Parallel()
	g := drain.Gate(filepath.Join(t.TempDir(), "ok"))
	if err := g.Shut(); err != nil {
		t.Errorf("shutting what is shut: %v", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- g.Wait(t.Context()) }()
	if err := g.Open(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("open gate: %v", err)
	}
	if err := g.Shut(); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("shut gate: got %v, want %v", err, context.Canceled)
	}
	if err := drain.Gate(filepath.Join(t.TempDir(), "no", "dir")).Open(); err == nil {
		t.Error("opening where nothing can be written: no error")
	}
}
