package quarantine

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// piece returns a piece. Envoys reject pieces that contain "BAD".
func piece(name, content string) *Piece {
	sum := sha256.Sum256([]byte(content))
	return &Piece{ID: ID{Name: name, Hash: Hash(sum[:16])}, Content: []byte(name + ": " + content)}
}

func (p *Piece) bad() bool { return strings.Contains(string(p.Content), "BAD") }

// resource composes versions of one resource as a caller does, and records each, for late answers.
type resource struct {
	state       State
	want        []*Piece
	accepted    []*Piece // nil: none
	acceptedAt  int      // its index among sent
	effective   []*Piece // nil: withheld
	sent        [][]*Piece
	unexplained bool

	fallback map[string]*Piece // by name of the part
	hint     func(ID) bool
}

// wanted iterates over the wanted pieces and their fallbacks.
func (r *resource) wanted() iter.Seq[*Piece] {
	return slices.Values(slices.AppendSeq(slices.Clone(r.want), maps.Values(r.fallback)))
}

func hashOf(pieces []*Piece) string {
	var b []byte
	for _, p := range pieces {
		b = append(append(b, p.Name...), p.Hash[:]...)
	}
	sum := sha256.Sum256(b)
	return string(sum[:])
}

func (r *resource) publish(pieces ...*Piece) {
	r.want = pieces
	r.state.SetWanted(len(pieces), r.wanted())
	r.compose()
}

// compose sets the effective version: the wanted pieces, with accepted ones in the place of those withheld.
func (r *resource) compose() {
	r.unexplained = false
	for {
		pieces := r.effectivePieces()
		v := Version{Hash: hashOf(pieces), Pieces: slices.Values(pieces)}
		_, rejected := r.state.RejectedVersion(v.Hash)
		if pieces != nil && rejected && r.state.Narrow(v, r.acceptedPieces(), r.hint) {
			continue
		}
		if pieces != nil && rejected {
			r.unexplained, pieces = true, r.accepted
		}
		if r.effective = pieces; pieces != nil && (len(r.sent) == 0 || !slices.Equal(pieces, r.sent[len(r.sent)-1])) {
			r.sent = append(r.sent, pieces)
		}
		return
	}
}

func (r *resource) acceptedPieces() iter.Seq[*Piece] {
	if r.accepted == nil {
		return nil
	}
	return slices.Values(r.accepted)
}

func (r *resource) effectivePieces() (pieces []*Piece) {
	for i, p := range r.want {
		if r.state.Withheld(p) {
			p = r.substitute(p.Name)
			if p == nil && i == 0 {
				return nil
			}
		}
		if p != nil {
			pieces = append(pieces, p)
		}
	}
	return pieces
}

// substitute is what stands for a withheld piece: the accepted one, else the fallback; nil if there is none.
func (r *resource) substitute(name string) *Piece {
	at := slices.IndexFunc(r.accepted, func(a *Piece) bool { return a.Name == name })
	if at >= 0 && !r.state.Withheld(r.accepted[at]) {
		return r.accepted[at]
	}
	if f := r.fallback[name]; f != nil && !r.state.Withheld(f) {
		return f
	}
	return nil
}

// setFallbacks gives every part a fallback, which is bad if bad says so.
func (r *resource) setFallbacks(n int, bad func(part int) bool) {
	r.fallback = map[string]*Piece{}
	for i := 1; i < n; i++ {
		name, content := fmt.Sprintf("p%d", i), "fallback"
		if bad(i) {
			content += " BAD"
		}
		r.fallback[name] = piece(name, content)
		r.fallback[name].Fallback = true
	}
}

// answer has an Envoy answer sent version i.
func (r *resource) answer(i int, detail func(bad *Piece) string) {
	pieces := r.sent[i]
	v := Version{Hash: hashOf(pieces), Pieces: slices.Values(pieces), Effective: slices.Equal(pieces, r.effective)}
	at := slices.IndexFunc(pieces, (*Piece).bad)
	if at >= 0 {
		r.state.RejectVersion(v.Hash, detail(pieces[at]))
	} else if (r.accepted == nil || i > r.acceptedAt) && r.state.Accept(v, r.wanted()) {
		r.accepted, r.acceptedAt = pieces, i
	}
	r.compose()
}

// answerUntilAccepted repeats answer until the effective version is accepted, and returns the number of answers.
func (r *resource) answerUntilAccepted(t *testing.T, detail func(*Piece) string, limit int) (answers int) {
	t.Helper()
	for r.effective != nil && !slices.Equal(r.effective, r.accepted) {
		if answers++; answers > limit {
			t.Fatalf("the search has not ended after %d answers", limit)
		}
		r.answer(len(r.sent)-1, detail)
	}
	return answers
}

func (r *resource) rejected() []string {
	names := []string{}
	for _, p := range r.want {
		if _, rejected := r.state.Rejected(p.ID); rejected {
			names = append(names, p.Name)
		}
	}
	return names
}

// bad returns the names of the wanted pieces that are bad.
func (r *resource) bad() []string {
	names := []string{}
	for _, p := range r.want {
		if p.bad() {
			names = append(names, p.Name)
		}
	}
	return names
}

func noDetail(*Piece) string { return "no" }

// answersFor limits the answers until the given number of bad pieces among n is found: a bisection for each.
func answersFor(n, bad int) int { return (bad + 1) * (bits.Len(uint(n)) + 3) }

func TestRejectedPieceIsReplacedByTheAcceptedOne(t *testing.T) {
	t.Parallel()
	var r resource
	h, a, b := piece("", "h"), piece("a", "1"), piece("b", "1")
	r.publish(h, a, b)
	r.answerUntilAccepted(t, noDetail, 1)
	worse, newer, added := piece("a", "BAD"), piece("b", "2"), piece("c", "BAD")
	r.publish(h, worse, newer, added)
	r.answerUntilAccepted(t, func(p *Piece) string { return "error in " + p.Name }, answersFor(4, 2))
	if diff := cmp.Diff([]string{"a", "c"}, r.rejected()); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(r.effective, []*Piece{h, a, newer}) {
		t.Errorf("effective %v", r.effective)
	}
	if detail, _ := r.state.Rejected(worse.ID); detail != "error in a" {
		t.Errorf("error detail %q", detail)
	}
	r.publish(h, a, newer)
	if len(r.rejected()) != 0 {
		t.Errorf("after the repair: %v", r.rejected())
	}
	r.publish(h, piece("a", "2"), newer)
	if r.answerUntilAccepted(t, noDetail, 1); !r.state.Empty() {
		t.Error("verdicts about pieces that are not wanted remain after an effective version was accepted")
	}
}

func TestVersionOfAcceptedPiecesIsUnexplained(t *testing.T) {
	t.Parallel()
	var r resource
	r.publish(piece("", "h"), piece("a", "1"))
	r.answerUntilAccepted(t, noDetail, 1)
	r.state.RejectVersion(hashOf(r.effective), "an older Envoy")
	r.compose()
	if !r.unexplained || len(r.rejected()) != 0 || !slices.Equal(r.effective, r.want) {
		t.Errorf("unexplained %v, rejected %v, effective %v", r.unexplained, r.rejected(), r.effective)
	}
}

func TestAcceptAfterRejectionIsIgnored(t *testing.T) {
	t.Parallel()
	var s State
	p := piece("", "BAD")
	v := Version{Hash: "v", Pieces: slices.Values([]*Piece{p}), Effective: true}
	s.RejectVersion(v.Hash, "no")
	if s.Accept(v, v.Pieces) {
		t.Error("a rejected version was accepted")
	}
	s.Narrow(v, nil, nil)
	v.Hash = "other"
	if s.Accept(v, v.Pieces) {
		t.Error("a version with a rejected piece was accepted")
	}
}

// A fallback is suspect only when nothing else is. What was found while a bad one was there is searched again.
func TestBadFallback(t *testing.T) {
	t.Parallel()
	for _, accepted := range []bool{false, true} {
		var r resource
		if accepted {
			r.publish(piece("", "h"))
			r.answerUntilAccepted(t, noDetail, 1)
		}
		r.setFallbacks(41, func(i int) bool { return i == 7 })
		pieces := []*Piece{piece("", "h")}
		for i := 1; i <= 40; i++ {
			content := "good"
			if i == 7 {
				content = "BAD"
			}
			pieces = append(pieces, piece(fmt.Sprint("p", i), content))
		}
		r.publish(pieces...)
		answers := r.answerUntilAccepted(t, noDetail, 3*answersFor(41, headerAfter))
		if diff := cmp.Diff([]string{"p7"}, r.rejected()); diff != "" || len(r.effective) != 40 {
			t.Errorf("accepted before: %t: after %d answers %d pieces are effective: %s", accepted, answers, len(r.effective), diff)
		}
		if !r.state.Revoked() || r.state.Revoked() {
			t.Error("that verdicts were revoked is not reported once")
		}
	}
}

func TestHintIsTriedFirst(t *testing.T) {
	t.Parallel()
	var r resource
	r.hint = func(id ID) bool { return id.Name == "p70" }
	pieces := []*Piece{piece("", "h")}
	for i := range 100 {
		pieces = append(pieces, piece(fmt.Sprint("p", i), map[bool]string{true: "BAD", false: "good"}[i == 70]))
	}
	r.publish(pieces...)
	if n := r.answerUntilAccepted(t, noDetail, 100); n != 2 {
		t.Errorf("%d answers, want 2: the rejected version and the one without p70", n)
	}
}

func TestVerdictsAreBounded(t *testing.T) {
	t.Parallel()
	var r resource
	for i := range 10 * maxFormer {
		r.publish(piece("", fmt.Sprint("BAD ", i)))
		r.answerUntilAccepted(t, noDetail, 2)
		if n := len(r.state.pieces) + len(r.state.versions); n > maxFormer+3 {
			t.Fatalf("%d verdicts are stored", n)
		}
	}
}

// script determines a scenario: each call consumes a byte, then returns zero at the end.
type script []byte

func (s *script) under(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func (s *script) pieces(n, generation, badOf int) []*Piece {
	pieces := make([]*Piece, n)
	for i := range pieces {
		name, content := fmt.Sprintf("p%d", i), fmt.Sprintf("content %d of %d", generation, i)
		if i == 0 {
			name, badOf = "", badOf*4
		}
		if badOf > 0 && s.under(badOf) == 1 {
			content += " BAD"
		}
		if i == 0 {
			badOf /= 4
		}
		pieces[i] = piece(name, content)
	}
	return pieces
}

// The contents of error details.
const (
	nothing = iota
	badPiece
	anyPiece
)

// detail returns error details: without a name, with the name or the content of a bad piece, or with the name of any piece.
func (s *script) detail(n, mentions int) func(*Piece) string {
	return func(bad *Piece) string {
		switch kind := s.under(4); {
		case mentions >= badPiece && kind == 1:
			return "error in " + bad.Name
		case mentions >= badPiece && kind == 2:
			return string(bad.Content)
		case mentions == anyPiece && kind == 3:
			return fmt.Sprintf("error in p%d", s.under(n))
		}
		return "no"
	}
}

// limit limits the answers until the given number of bad pieces is found.
func limit(n, bad, mentions int) int {
	bad = max(bad, headerAfter)
	switch mentions {
	case badPiece: // one more for each bad piece that is mentioned while others are bad
		return answersFor(n, bad) + (bad+1)*bad
	case anyPiece: // each answer excludes a single suspect
		return (bad + 1) * (n + 1)
	}
	return answersFor(n, bad)
}

// run searches any set of bad pieces, with answers in any order. The result is exact if a header was accepted first, or if
// no header and fewer than headerAfter parts are bad.
func (s script) run(t *testing.T) {
	var r resource
	n := 1 + s.under(100)
	exact := s.under(2) == 1
	mentions := s.under(3)
	detail := s.detail(n, mentions)
	generations, fallbacks := 1+s.under(3), s.under(4)
	if s.under(2) == 1 {
		mentions, r.hint = anyPiece, func(id ID) bool { return id.Hash[0]%4 == 0 }
	}
	if exact {
		r.publish(s.pieces(n, 0, 0)...)
		r.answerUntilAccepted(t, noDetail, 1)
	}
	headerBad, parts := false, 0 // of all generations
	for generation := range generations {
		pieces := s.pieces(n, generation+1, 2+s.under(20))
		if fallbacks > 0 && generation == 0 {
			// A fallback is bad only if the part is. What is found while it is there is found again only if it is still there.
			r.setFallbacks(n, func(i int) bool { return fallbacks == 3 && generations == 1 && pieces[i].bad() && s.under(2) == 1 })
		}
		r.publish(pieces...)
		headerBad, parts = headerBad || r.want[0].bad(), parts+len(r.bad())
		for range s.under(8) { // answers of other Envoys, or about former versions
			r.answer(s.under(len(r.sent)), detail)
		}
	}
	bad := len(r.bad())
	for _, f := range r.fallback {
		if f.bad() {
			bad += len(r.bad()) + headerAfter // the search may run again
		}
	}
	answers := r.answerUntilAccepted(t, detail, limit(n, bad, mentions))
	if slices.ContainsFunc(r.effective, (*Piece).bad) {
		t.Error("a bad piece is effective")
	}
	if !exact && (headerBad || parts >= headerAfter) {
		return
	}
	if diff := cmp.Diff(r.bad(), r.rejected()); diff != "" {
		t.Errorf("after %d answers (-bad +rejected)\n%s", answers, diff)
	}
	for _, p := range r.want {
		if !p.bad() && !slices.Contains(r.effective, p) {
			t.Errorf("the good piece %q is not effective", p.Name)
		}
	}
}

func TestSearchFindsExactlyTheBadPieces(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := make(script, 100+rnd.IntN(500))
		for i := range s {
			s[i] = byte(rnd.Uint32())
		}
		if s.run(t); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzSearch(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{40, 0, 0, 1, 0, 0, 1, 1, 0, 1})
	f.Add([]byte(strings.Repeat("\x63\x01\x02", 100)))
	f.Fuzz(func(t *testing.T, b []byte) { script(b).run(t) })
}
