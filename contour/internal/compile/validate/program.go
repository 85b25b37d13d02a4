package validate

import (
	"regexp/syntax"
	"strings"
	"unicode"
)

// maxByte is the largest character of an expression in Envoy, where each byte is one.
const maxByte = 0xFF

// programSize estimates from above how many instructions RE2 makes of an expression that compiles: what Envoy compares with
// re2.max_program_size. It stops counting somewhat above maxProgram, and visits each node of the tree once.
func programSize(expr string) int {
	const frame = 4 // the failure, the match, and the loop before a match that is not anchored
	tree, err := syntax.Parse(bytewise(separated(expr)), syntax.Perl)
	if err != nil { // the nothings make it too large
		return 2 * maxProgram
	}
	whole := measure(tree).plus(frame)
	// RE2 copies what follows nested loops, too.
	return min(whole.size*(1+whole.nested)+whole.copies, 2*maxProgram)
}

// separated returns the expression with nothing, as (?:), at the start of each alternative that may be a class. Without it Go's
// parser makes one class of neighbors that RE2 keeps apart, as in [^/]|[^/]|., so that the tree does not show their number.
// Words stay as they are, since both make common prefixes one.
func separated(expr string) string {
	var b strings.Builder
	last := 0
	for i := range bars(expr) {
		if rest := expr[i+1:]; len(rest) > 1 && isAlphanumeric(rune(rest[0])) && isAlphanumeric(rune(rest[1])) {
			continue
		}
		b.WriteString(expr[last : i+1])
		b.WriteString("(?:)")
		last = i + 1
	}
	return b.String() + expr[last:]
}

// part describes the program of a node of the tree.
type part struct {
	size   int  // instructions, at most about maxProgram
	copies int  // further ones, see chained
	empty  bool // it can match the empty text
	loop   bool // it has a star or plus
	nested int  // how deep loops are in loops, around what can match the empty text
}

// chained returns a part that is repeated, with the copies that RE2 makes of it if it can match the empty text: each instruction
// gets a copy of what is reachable from it without a byte between, which is up to a fraction of the square of the size.
func (p part) chained() part {
	if p.empty {
		p.copies = max(p.copies, p.size*p.size/96)
	}
	return p
}

// plus returns the part with another size.
func (p part) plus(size int) part {
	p.size = min(p.size+size, 2*maxProgram)
	return p
}

// times returns n of the part.
func (p part) times(n int) part {
	p.size = min(p.size*n, 2*maxProgram)
	p.copies = min(p.copies*n, 2*maxProgram)
	return p
}

// and returns both parts; the other one may be absent.
func (p part) and(q part) part {
	p.copies = min(p.copies+q.copies, 2*maxProgram)
	p.loop, p.nested = p.loop || q.loop, max(p.nested, q.nested)
	return p.plus(q.size)
}

// measure visits each node once.
func measure(re *syntax.Regexp) part {
	switch re.Op {
	case syntax.OpLiteral:
		return part{size: literalSize(re)}
	case syntax.OpCharClass:
		return part{size: classSize(re.Rune)}
	case syntax.OpAnyCharNotNL:
		return part{size: 2}
	case syntax.OpAnyChar, syntax.OpNoMatch:
		return part{size: 1}
	case syntax.OpCapture:
		return measure(re.Sub[0]).plus(2)
	case syntax.OpQuest:
		p := measure(re.Sub[0]).plus(2)
		p.empty = true
		return p
	case syntax.OpStar, syntax.OpPlus:
		return loop(measure(re.Sub[0]), re.Op == syntax.OpStar)
	case syntax.OpRepeat:
		return repeated(measure(re.Sub[0]), re.Min, re.Max)
	case syntax.OpConcat:
		return sequence(re.Sub)
	case syntax.OpAlternate:
		return choice(re.Sub)
	default: // assertions, and nothing
		return part{size: 1, empty: true}
	}
}

// loop is the operand with its branches.
func loop(operand part, empty bool) part {
	p := operand.chained().plus(4)
	if operand.loop && operand.empty {
		p.nested++
	}
	p.empty = p.empty || empty
	p.loop = true
	return p
}

// repeated is a copy for each time that the operand must or may be there, and one more for a loop. Copies that may be absent have
// a branch.
func repeated(operand part, least, most int) part {
	if most < 0 {
		return loop(operand.times(least+1), least == 0)
	}
	p := operand.times(most)
	if p.loop {
		p = p.chained()
	}
	p.empty = p.empty || least == 0
	return p.plus(most - least + 1)
}

// sequence is one part after the other. Neighbors that can match the empty text are repetitions of each other.
func sequence(subs []*syntax.Regexp) part {
	whole, neighbors, empty := part{}, part{empty: true}, true
	end := func() {
		if neighbors.loop {
			neighbors = neighbors.chained()
		}
		whole, neighbors = whole.and(neighbors), part{empty: true}
	}
	for _, sub := range subs {
		p := measure(sub)
		if p.empty {
			neighbors = neighbors.and(p)
			continue
		}
		end()
		whole, empty = whole.and(p), false
	}
	end()
	whole.empty = empty
	return whole
}

// choice is a branch for each alternative.
func choice(subs []*syntax.Regexp) part {
	var p part
	for _, sub := range subs {
		alternative := measure(sub)
		p = p.and(alternative).plus(1)
		p.empty = p.empty || alternative.empty
	}
	return p
}

// literalSize is an instruction for each byte; a character beyond ASCII that has two cases is one of two bytes.
func literalSize(re *syntax.Regexp) int {
	size := len(re.Rune)
	if re.Flags&syntax.FoldCase != 0 {
		for _, r := range re.Rune {
			if r > unicode.MaxASCII {
				size++
			}
		}
	}
	return size
}

// classSize is an instruction for each range of bytes.
func classSize(ranges []rune) int {
	size := 0
	for i := 0; i+1 < len(ranges) && ranges[i] <= maxByte; i += 2 {
		size++
	}
	return max(size, 1)
}
