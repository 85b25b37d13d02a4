package validate

import "contour.example/contour/internal/memo"

// Expressions remembers the verdicts on regular expressions by their text, so that each is checked once, wherever and however
// often objects have it. A verdict is kept while a derivation reads it.
type Expressions struct {
	table *memo.Table[string, Expression]
}

// NewExpressions returns Expressions whose table belongs to the engine.
func NewExpressions(e *memo.Engine) *Expressions {
	return &Expressions{memo.NewTable(e, memo.Options[string, Expression]{
		Name:   "compile/expression",
		Derive: func(_ *memo.Reader, expr string) Expression { return Regex(expr) },
		Equal:  func(a, b Expression) bool { return a == b },
	})}
}

// Get returns the verdict on an expression, and records the read.
func (x *Expressions) Get(r *memo.Reader, expr string) Expression { return x.table.Get(r, expr) }
