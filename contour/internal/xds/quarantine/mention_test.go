package quarantine

import "testing"

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text, name string
		want       bool
	}{
		{"Error adding/updating cluster(s) bad2: malformed IP", "bad2", true},
		{"Error adding/updating cluster(s) bad2: malformed IP", "bad", false},
		{"in route rc100.", "rc100", true},
		{"in route rc100.", "rc10", false},
		{`name: "a/b"`, "a/b", true},
		{"cluster x.a.b", "a.b", false},
		{"cluster a.b.c", "a.b", false},
		{"a, b", "a", true},
		{"anything", "", false},
	} {
		if got := Mentions(c.text, c.name); got != c.want {
			t.Errorf("Mentions(%q, %q) = %v", c.text, c.name, got)
		}
	}
}
