package preview

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// partition divides the texts of a language by which expressions match them as a whole, and returns one text for each class: a short
// one. Texts consist of printable ASCII. complete is false if not all classes were found: the search is bounded, and does not support
// word boundaries. Expressions that do not compile match nothing.
func partition(language string, expressions []string, of *effort) (texts []string, complete bool) {
	s := search{seen: map[string]bool{}, work: min(maxWork, of.left)}
	defer func(before int) { of.left -= before - max(0, s.work) }(s.work)
	complete = true
	for i, e := range append([]string{language}, expressions...) {
		m, ok := newMachine(e)
		complete = complete && ok
		if i == 0 && m == nil {
			return nil, false
		}
		if m != nil {
			s.machines = append(s.machines, m)
		}
	}
	found, finished := s.run()
	return found, complete && finished
}

// effort is what the searches of one comparison may still cost together: steps of machines, and setSteps for each instruction in a
// state that is made.
type effort struct{ left int }

// maxWork bounds one search, and maxEffort all of a comparison: some seconds, and some hundred MiB.
const (
	maxWork   = 2 << 20
	maxEffort = 16 << 20
	setSteps  = 4
)

// alphabet is what texts are made of, in the order of preference.
const alphabet = `xabcdefghijklmnopqrstuvwyz0123456789/-_.~ABCDEFGHIJKLMNOPQRSTUVWXYZ:=,;@!$&'()*+ "<>[]^{}|` + "`?#%\\"

// machine is an expression as a deterministic automaton, whose states are made when they are reached. State 0 matches nothing any more.
type machine struct {
	prog  *syntax.Prog
	sets  [][]uint32 // of instructions, by state
	next  []map[byte]int
	ends  []bool // the text may end here
	known map[string]int
	made  int // instructions in states
}

// newMachine returns nil if the expression does not compile, and false if it is not supported.
func newMachine(expression string) (*machine, bool) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, true
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, true
	}
	for _, i := range prog.Inst {
		if boundary := syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary; i.Op == syntax.InstEmptyWidth && syntax.EmptyOp(i.Arg)&boundary != 0 {
			return nil, false
		}
	}
	m := &machine{prog: prog, known: map[string]int{}}
	m.state(nil)
	m.state(m.closure([]uint32{uint32(prog.Start)}, syntax.EmptyBeginText|syntax.EmptyBeginLine))
	return m, true
}

// first is the state before the first letter.
const first = 1

// closure returns the instructions that are reached without a letter; with those that the end of the text permits, they are not kept.
func (m *machine) closure(from []uint32, permitted syntax.EmptyOp) []uint32 {
	seen := map[uint32]bool{}
	var out []uint32
	for stack := slices.Clone(from); len(stack) > 0; {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch i := &m.prog.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, i.Out, i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, i.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^permitted == 0 {
				stack = append(stack, i.Out)
			} else {
				out = append(out, pc) // the end may permit it
			}
		case syntax.InstFail:
		default:
			out = append(out, pc)
		}
	}
	slices.Sort(out)
	return out
}

// state returns the state of a closure.
func (m *machine) state(set []uint32) int {
	var key strings.Builder
	for _, pc := range set {
		key.WriteRune(rune(pc))
		key.WriteByte(',')
	}
	s, ok := m.known[key.String()]
	if ok {
		return s
	}
	s = len(m.sets)
	m.made += len(set)
	m.known[key.String()] = s
	m.sets, m.next = append(m.sets, set), append(m.next, map[byte]int{})
	atEnd := syntax.EmptyEndText | syntax.EmptyEndLine
	if s == first {
		atEnd |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	}
	m.ends = append(m.ends, slices.ContainsFunc(m.closure(set, atEnd), func(pc uint32) bool { return m.prog.Inst[pc].Op == syntax.InstMatch }))
	return s
}

func (m *machine) step(s int, letter byte) int {
	if to, ok := m.next[s][letter]; ok {
		return to
	}
	var set []uint32
	for _, pc := range m.sets[s] {
		if i := &m.prog.Inst[pc]; reads(i) && i.MatchRune(rune(letter)) {
			set = append(set, i.Out)
		}
	}
	to := m.state(m.closure(set, 0))
	m.next[s][letter] = to
	return to
}

func reads(i *syntax.Inst) bool {
	return i.Op == syntax.InstRune || i.Op == syntax.InstRune1 || i.Op == syntax.InstRuneAny || i.Op == syntax.InstRuneAnyNotNL
}

// search is a breadth-first search of the texts of the first machine.
type search struct {
	machines []*machine
	seen     map[string]bool
	work     int
}

type node struct {
	states []int
	text   string
}

func (s *search) run() (texts []string, finished bool) {
	letters := s.letters()
	classes := map[string]bool{}
	start := node{states: make([]int, len(s.machines))}
	for i := range start.states {
		start.states[i] = first
	}
	s.visited(start.states)
	for queue := []node{start}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if class := s.class(at.states); s.machines[0].ends[at.states[0]] && !classes[class] {
			classes[class] = true
			texts = append(texts, at.text)
		}
		for i := range len(letters) {
			to := s.step(at, letters[i])
			if s.work < 0 {
				return texts, false
			}
			if len(s.machines[0].sets[to.states[0]]) > 0 && !s.visited(to.states) {
				queue = append(queue, to)
			}
		}
	}
	return texts, true
}

func (s *search) step(at node, letter byte) node {
	to := node{states: make([]int, len(s.machines)), text: at.text + string(rune(letter))}
	for i, m := range s.machines {
		before := m.made
		to.states[i] = m.step(at.states[i], letter)
		s.work -= 1 + setSteps*(m.made-before)
	}
	return to
}

// visited marks a combination of states, and reports whether it was marked before.
func (s *search) visited(states []int) bool {
	key := make([]byte, 0, 4*len(states))
	for _, n := range states {
		key = utf8.AppendRune(key, rune(n))
	}
	was := s.seen[string(key)]
	s.seen[string(key)] = true
	return was
}

// class is which machines match.
func (s *search) class(states []int) string {
	out := make([]byte, len(states))
	for i, m := range s.machines {
		if m.ends[states[i]] {
			out[i] = 1
		}
	}
	return string(out)
}

// letters returns one letter of each set of letters that all machines treat alike.
func (s *search) letters() string {
	var out []byte
	known := map[string]bool{}
	for i := range len(alphabet) {
		var alike []byte
		for _, m := range s.machines {
			for pc := range m.prog.Inst {
				if inst := &m.prog.Inst[pc]; reads(inst) {
					alike = append(alike, map[bool]byte{true: 1}[inst.MatchRune(rune(alphabet[i]))])
				}
			}
		}
		if !known[string(alike)] {
			known[string(alike)] = true
			out = append(out, alphabet[i])
		}
	}
	return string(out)
}
