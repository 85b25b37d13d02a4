package validate

// unchecked is the Problem of an expression that is not checked.
const unchecked Problem = "is not checked, because the expressions before it are too many or too large"

const (
	// maxEffort bounds the expressions of one root that are checked: their bytes, the instructions of their programs, and an eighth of
	// the steps of the check.
	maxEffort = 1 << 19
	// maxExceeding bounds those of which each costs more than the budget of a host: they are the most expensive to check.
	maxExceeding = 32
)

// Effort is what the check of the regular expressions of one root takes, whether or not their verdicts are remembered. Its zero
// value is that of no expression.
type Effort struct{ spent, exceeding int }

// Unchecked returns the Problem of the next expression if it is too much to check, else "".
func (e *Effort) Unchecked() Problem {
	if e.spent > maxEffort || e.exceeding >= maxExceeding {
		return unchecked
	}
	return ""
}

// Add counts an expression that was checked; most is the budget of a host, 0 for none.
func (e *Effort) Add(expr string, verdict Expression, most int) {
	e.spent += len(expr) + verdict.Size + verdict.Steps/8
	if most > 0 && verdict.Cost > most {
		e.exceeding++
	}
}
