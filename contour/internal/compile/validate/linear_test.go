package validate

import (
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

// The classes of bytes of a state are found without memory of their own: there are as many states as instructions, and a root may
// have hundreds of expressions.
func TestClassesOfAStateTakeNoMemory(t *testing.T) {
	re, err := syntax.Parse("[0-9]+-[a-f]+"+strings.Repeat("z", 230), syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		t.Fatal(err)
	}
	d := determinizer{prog: prog}
	var state []uint32
	for pc := range prog.Inst {
		switch prog.Inst[pc].Op {
		case syntax.InstRune, syntax.InstRune1:
			state = append(state, uint32(pc))
		}
	}
	d.representatives(state)
	if n := testing.AllocsPerRun(10, func() { d.representatives(state) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
	want := []rune{0, '-', '.', '0', ':', 'a', 'g', 'z', '{'}
	if got := d.representatives(state); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
