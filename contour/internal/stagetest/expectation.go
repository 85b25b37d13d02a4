package stagetest

import "contour.example/contour/internal/semantic"

// Expectation is the expected answer of a check, as in the tests of users.
type Expectation = semantic.Expectation

// Backend is a backend of an expectation.
type Backend = semantic.ExpectedBackend
