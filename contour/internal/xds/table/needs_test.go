package table

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"contour.example/contour/internal/randomtest"
)

// After edits of random parts, a few or many at a time, the needs of a version and the counts of the table equal those
// computed from all pieces.
func TestNeedsFollowEdits(t *testing.T) {
	seed := randomtest.Seed(t)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		tab := newFleet()
		var parts []string
		for range 40 {
			edits := 1 + rnd.IntN(3)
			if rnd.IntN(4) == 0 {
				edits = 2 * fewPieces
			}
			for range edits {
				parts = editParts(rnd, parts)
			}
			tab.Publish([]*Resource{route("h", parts...)}, nil)
			e := tab.entry(Ref{Route, "rc"})
			if diff := cmp.Diff(unionOfNeeds(e.want), e.effective.Needs, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("needs (-all +version): %s", diff)
			}
			if rnd.IntN(2) == 0 {
				tab.Accept([]*Version{e.effective})
			}
			if diff := cmp.Diff(countNeeds(tab.Table), maps.Collect(tab.needCounts.All())); diff != "" {
				t.Fatalf("counts (-all +table): %s", diff)
			}
		}
	}
}

// editParts adds, removes, changes or moves a part.
func editParts(rnd *rand.Rand, parts []string) []string {
	text := func(name string) string { return fmt.Sprintf("%s: v%d->c%d", name, rnd.IntN(1000), rnd.IntN(6)) }
	i := rnd.IntN(len(parts) + 1)
	if i == len(parts) || rnd.IntN(3) == 0 {
		return slices.Insert(parts, i, text(fmt.Sprint("p", rnd.Uint32())))
	}
	switch name, _, _ := strings.Cut(parts[i], ":"); rnd.IntN(3) {
	case 0:
		return slices.Delete(parts, i, i+1)
	case 1:
		moved := parts[i]
		return append(slices.Delete(parts, i, i+1), moved)
	default:
		parts[i] = text(name)
		return parts
	}
}

func countNeeds(tab *Table) map[Ref]int {
	counts := map[Ref]int{}
	add := func(versions ...*Version) {
		for _, v := range versions {
			for _, need := range v.needs() {
				counts[need]++
			}
		}
	}
	for _, e := range tab.entries {
		add(e.effective, e.accepted)
		for _, x := range e.views {
			add(x.effective, x.accepted)
		}
	}
	for v := range tab.atRest() {
		add(v, v)
	}
	return counts
}

// An edit of one part neither hashes nor copies the other pieces.
func TestUnchangedPiecesAreReused(t *testing.T) {
	const n = 1000
	tab := newFleet()
	first := bigComposite(Route, n)
	tab.Publish([]*Resource{first}, nil)
	before := tab.entry(first.Ref).want
	needs := tab.Get(first.Ref).Needs
	tab.Publish([]*Resource{with(first, n/2, func(p *Part) { p.Body = []byte("changed") })}, nil)
	kept := 0
	for i, p := range tab.entry(first.Ref).want {
		if p == before[i] {
			kept++
		}
	}
	if kept != n {
		t.Errorf("%d pieces of %d are the same, want all but one", kept, n+1)
	}
	if now := tab.Get(first.Ref).Needs; &now[0] != &needs[0] {
		t.Error("equal needs are in another list")
	}
}
