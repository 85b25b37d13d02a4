package cluster

import (
	"fmt"

	"sigs.k8s.io/kind/pkg/log"

	"contour.example/harness/progress"
)

// logger prints kind's warnings; its other messages are dropped, since each action is a step of ours.
type logger struct{ progress.Log }

// Warn prints a warning.
func (l logger) Warn(message string) { l.Printf("kind: %s", message) }

// Warnf is Warn.
func (l logger) Warnf(format string, args ...any) { l.Warn(fmt.Sprintf(format, args...)) }

// Error prints an error.
func (l logger) Error(message string) { l.Printf("kind: %s", message) }

// Errorf is Error.
func (l logger) Errorf(format string, args ...any) { l.Error(fmt.Sprintf(format, args...)) }

// V drops all other messages.
func (logger) V(log.Level) log.InfoLogger { return log.NoopInfoLogger{} }
