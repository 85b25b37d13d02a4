package quarantine

import (
	"crypto/sha256"
	"fmt"
	"iter"
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
	r.state.SetWanted(len(pieces), slices.Values(pieces))
	r.compose()
}

// compose sets the effective version: the wanted pieces, with accepted ones in the place of those withheld.
func (r *resource) compose() {
	r.unexplained = false
	for {
		pieces := r.effectivePieces()
		v := Version{Hash: hashOf(pieces), Pieces: slices.Values(pieces)}
		_, rejected := r.state.RejectedVersion(v.Hash)
		if pieces != nil && rejected && r.state.Narrow(v, r.acceptedPieces()) {
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
		if r.state.Withheld(p.ID) {
			at := slices.IndexFunc(r.accepted, func(a *Piece) bool { return a.Name == p.Name })
			if at < 0 && i == 0 {
				return nil
			}
			if at < 0 {
				continue
			}
			p = r.accepted[at]
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// answer is the answer of an Envoy to sent version i.
func (r *resource) answer(i int, detail func(bad *Piece) string) {
	pieces := r.sent[i]
	v := Version{Hash: hashOf(pieces), Pieces: slices.Values(pieces), Effective: slices.Equal(pieces, r.effective)}
	at := slices.IndexFunc(pieces, (*Piece).bad)
	if at >= 0 {
		r.state.RejectVersion(v.Hash, detail(pieces[at]))
	} else if (r.accepted == nil || i > r.acceptedAt) && r.state.Accept(v, slices.Values(r.want)) {
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
	s.Narrow(v, nil)
	v.Hash = "other"
	if s.Accept(v, v.Pieces) {
		t.Error("a version with a rejected piece was accepted")
	}
}

func TestInvalidPieceStaysRejectedWhenTheHeaderIs(t *testing.T) {
	t.Parallel()
	var r resource
	pieces := []*Piece{piece("", "BAD")}
	for i := range 40 {
		pieces = append(pieces, piece(fmt.Sprint("p", i), "1"))
	}
	r.state.RejectPiece(pieces[7].ID, "no domains")
	r.publish(pieces...)
	r.answerUntilAccepted(t, noDetail, answersFor(41, headerAfter))
	if diff := cmp.Diff([]string{"", "p6"}, r.rejected()); diff != "" || r.effective != nil {
		t.Error(diff, r.effective)
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
	if exact {
		r.publish(s.pieces(n, 0, 0)...)
		r.answerUntilAccepted(t, noDetail, 1)
	}
	headerBad, parts := false, 0 // of all generations
	for generation := range 1 + s.under(3) {
		r.publish(s.pieces(n, generation+1, 2+s.under(20))...)
		headerBad, parts = headerBad || r.want[0].bad(), parts+len(r.bad())
		for range s.under(8) { // answers of other Envoys, or about former versions
			r.answer(s.under(len(r.sent)), detail)
		}
	}
	answers := r.answerUntilAccepted(t, detail, limit(n, len(r.bad()), mentions))
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
