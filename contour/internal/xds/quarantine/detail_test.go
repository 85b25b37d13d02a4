package quarantine

import (
	"iter"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for detail, want := range map[string]string{
		"no such cluster":                       "no such cluster",
		"two\r\nlines\x00 \x1b[2Kand\u202e\xff": "two lines [2Kand \uFFFD",
		`Proto constraint validation failed (x): tls_certificate { private_key { inline_string: "secret"`: "Proto constraint validation failed (x): tls_certificate { (not quoted)",
		"Failed to load -----BEGIN RSA PRIVATE KEY-----":                                                  "Failed to load (not quoted)",
		`{"inlineBytes":"c2VjcmV0"}`:                                                                      `{"(not quoted)`,
	} {
		if got := Excerpt(detail); got != want {
			t.Errorf("Excerpt(%q) = %q, want %q", detail, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("x", 1<<20), strings.Repeat("é", 1000), strings.Repeat(" y", 5000)} {
		got := Excerpt(long)
		if len(got) > maxExcerpt || !utf8.ValidString(got) || !strings.HasSuffix(got, " ...") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
		if again := Excerpt(got); again != got {
			t.Errorf("the excerpt of %q is %q", got, again)
		}
	}
}

// Of what a client says, only the answer that is being applied is kept at length.
func TestLongDetailsAreShortened(t *testing.T) {
	t.Parallel()
	var s State
	long := strings.Repeat("z", 64<<10)
	for i := range 50 {
		s.RejectVersion(strings.Repeat("v", i+1), long)
	}
	s.RejectPiece(ID{Name: "a"}, long)
	s.Shorten()
	total := 0
	for _, detail := range s.versions {
		total += len(detail)
	}
	for _, detail := range s.pieces {
		total += len(detail)
	}
	if total > 50*maxVersionDetail+maxExcerpt {
		t.Errorf("%d bytes", total)
	}
	header := &Piece{ID: ID{}, Content: []byte("header")}
	parts := []*Piece{header, {ID: ID{Name: "one"}, Content: []byte("1")}, {ID: ID{Name: "two"}, Content: []byte("2")}}
	all := iter.Seq[*Piece](func(yield func(*Piece) bool) {
		for _, p := range parts {
			if !yield(p) {
				return
			}
		}
	})
	s = State{}
	s.RejectVersion("v", strings.Repeat(" ", 32<<10)+" two is wrong") // beyond what is kept afterwards
	if !s.Narrow(Version{Hash: "v", Pieces: all}, all, nil) && s.search != nil {
		t.Error("a search without a suspect")
	}
	accepted := iter.Seq[*Piece](func(yield func(*Piece) bool) { yield(header) })
	if !s.Narrow(Version{Hash: "v", Pieces: all}, accepted, nil) || !s.Withheld(parts[2]) || s.Withheld(parts[1]) {
		t.Error("the name at the end of a long error detail is not found")
	}
}
