package proxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOutputPutsLinesTogether(t *testing.T) {
	t.Parallel()
	o := newOutput()
	for _, s := range []string{"a", "b\nc", "\n\n", "bad\xff\n", strings.Repeat("x", maxLineBytes), "yyy\nend"} {
		if n, err := o.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("Write(%q) = %d, %v", s, n, err)
		}
	}
	o.close()
	var got []string
	for l := range o.lines {
		got = append(got, l)
	}
	want := []string{"ab", "c", "", "bad\uFFFD", strings.Repeat("x", maxLineBytes), "end"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := o.tail(); got != strings.Join(want, "\n") {
		t.Errorf("tail %q", got)
	}
}

func TestSumActiveExcludesTheAdminEndpoint(t *testing.T) {
	t.Parallel()
	stats := map[string]int64{"http.admin.downstream_rq_active": 1, "http.ingress_http.downstream_rq_active": 2, "http.ingress_https.downstream_rq_active": 3}
	if got := sumActive(stats); got != 5 {
		t.Errorf("got %d", got)
	}
}
