package validate

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode"
)

// RE2 matches in one step for each byte while the states that it meets fit its memory, 1 to 3 MiB for each expression.
// When they do not, it steps through the whole program for each byte. Most expressions have about as many states as
// instructions; those that count, as in .*a.{20}, have exponentially many, and a client chooses which are met.

const (
	// maxLinear bounds the program of an expression of which the states are counted, in instructions.
	maxLinear = 4_000
	// linearShare is how many instructions of a program with few states count as one, and linearCost what a match costs
	// whatever the program is.
	linearShare, linearCost = 8, 8
	// stepCost is what an instruction of a program with many states costs, since RE2 executes it for each byte instead of looking
	// a state up, and stateCost what such a program costs in addition: its states are made and forgotten again.
	stepCost, stateCost = 16, 5000
)

// linear reports whether the expression, of which programSize is size, is known to have few states: at most about four for
// each instruction. It takes a number of steps in proportion to size, which it returns, and gives up after them.
func linear(re *syntax.Regexp, size int) (few bool, steps int) {
	if size > maxLinear {
		return false, 0
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return false, 0
	}
	most := 4096 + 64*size
	d := determinizer{
		prog: prog, seen: map[string]bool{}, mark: make([]int, len(prog.Inst)),
		states: 32 + 4*size, steps: most,
	}
	few = d.explore()
	return few, most - d.steps
}

// determinizer counts the states of a program: the sets of its instructions that texts lead to. Assertions such as \b
// count as met.
type determinizer struct {
	prog   *syntax.Prog
	seen   map[string]bool // the states, each as its sorted instructions
	queue  [][]uint32
	mark   []int // by instruction: the set that it was last added to
	set    int   // the number of sets made
	states int   // that may still be found
	steps  int   // that may still be taken

	next, stack, state []uint32 // reused
	text               []byte   // reused
	limits             []rune   // reused
}

// explore reports whether all states are found within the bounds.
func (d *determinizer) explore() bool {
	d.add([]uint32{uint32(d.prog.Start)})
	for len(d.queue) > 0 && d.within() {
		state := d.queue[len(d.queue)-1]
		d.queue = d.queue[:len(d.queue)-1]
		for _, b := range d.representatives(state) {
			if d.within() {
				d.add(d.after(state, b))
			}
		}
	}
	return d.within()
}

// within reports whether the bounds are kept.
func (d *determinizer) within() bool { return d.steps > 0 && d.states > 0 }

// after is the instructions that follow those of the state that match the byte, until the next call.
func (d *determinizer) after(state []uint32, b rune) []uint32 {
	d.next = d.next[:0]
	for _, pc := range state {
		if in := &d.prog.Inst[pc]; in.MatchRune(b) {
			d.next = append(d.next, in.Out)
		}
	}
	d.steps -= len(state)
	return d.next
}

// add notes the state of the instructions, and of those that follow without a byte.
func (d *determinizer) add(from []uint32) {
	d.closure(from)
	if len(d.state) == 0 {
		return
	}
	slices.Sort(d.state)
	d.text = d.text[:0]
	for _, pc := range d.state {
		d.text = binary.LittleEndian.AppendUint32(d.text, pc)
	}
	if d.seen[string(d.text)] {
		return
	}
	d.seen[string(d.text)] = true
	d.queue = append(d.queue, slices.Clone(d.state))
	d.states--
}

// closure makes state the instructions that match a byte and are reached from those given.
func (d *determinizer) closure(from []uint32) {
	d.set++
	d.stack, d.state = append(d.stack[:0], from...), d.state[:0]
	for len(d.stack) > 0 {
		pc := d.stack[len(d.stack)-1]
		d.stack = d.stack[:len(d.stack)-1]
		if d.mark[pc] == d.set {
			continue
		}
		d.mark[pc] = d.set
		d.steps--
		switch in := &d.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			d.stack = append(d.stack, in.Arg, in.Out)
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			d.stack = append(d.stack, in.Out)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			d.state = append(d.state, pc)
		case syntax.InstMatch, syntax.InstFail:
		}
	}
}

// representatives is the first byte of each class of bytes that the state does not tell apart, sorted, until the next call. Most
// states have one or two classes, so that it looks at their limits and not at all bytes.
func (d *determinizer) representatives(state []uint32) []rune {
	d.limits = append(d.limits[:0], 0)
	for _, pc := range state {
		for lo, hi := range ranges(&d.prog.Inst[pc]) {
			for _, limit := range [...]rune{lo, hi + 1} {
				if limit <= maxByte {
					d.limits = append(d.limits, limit)
				}
			}
			d.steps--
		}
	}
	slices.Sort(d.limits)
	d.limits = slices.Compact(d.limits)
	return d.limits
}

// ranges yields the ranges of characters that the instruction matches, by their first and last one.
func ranges(in *syntax.Inst) func(yield func(lo, hi rune) bool) {
	return func(yield func(lo, hi rune) bool) {
		switch {
		case in.Op == syntax.InstRuneAny:
		case in.Op == syntax.InstRuneAnyNotNL:
			yield('\n', '\n')
		case len(in.Rune) == 1:
			first := in.Rune[0]
			for r, more := first, yield(first, first); more && syntax.Flags(in.Arg)&syntax.FoldCase != 0; {
				if r = unicode.SimpleFold(r); r == first {
					return
				}
				more = yield(r, r)
			}
		default:
			for i := 0; i+1 < len(in.Rune) && in.Rune[i] <= maxByte && yield(in.Rune[i], in.Rune[i+1]); i += 2 {
			}
		}
	}
}
