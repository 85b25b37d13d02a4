package cluster

import (
	"fmt"

	"sigs.k8s.io/kind/pkg/log"

	"contour.example/harness/step"
)

// logger passes on what kind warns of; what it does is a step of ours.
type logger struct{ step.Log }

// Warn is for what people should know.
func (l logger) Warn(message string) { l.Say("kind: %s", message) }

// Warnf is Warn.
func (l logger) Warnf(format string, args ...any) { l.Warn(fmt.Sprintf(format, args...)) }

// Error is for what went wrong.
func (l logger) Error(message string) { l.Say("kind: %s", message) }

// Errorf is Error.
func (l logger) Errorf(format string, args ...any) { l.Error(fmt.Sprintf(format, args...)) }

// V is for the rest, which is dropped.
func (logger) V(log.Level) log.InfoLogger { return log.NoopInfoLogger{} }
