package timeout

import (
	"testing"
	"time"

	"contour.example/contour/internal/ir"
)

func TestParseTimeout(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want ir.Timeout
		ok   bool
	}{
		{"", ir.Timeout{}, true},
		{"0s", ir.Timeout{}, true},
		{"infinity", ir.Timeout{Disabled: true}, true},
		{"infinite", ir.Timeout{Disabled: true}, true},
		{"1m30.5s", ir.Timeout{Duration: 90500 * time.Millisecond}, true},
		{"1ns", ir.Timeout{Duration: time.Millisecond}, true},
		{"1001us", ir.Timeout{Duration: 2 * time.Millisecond}, true},
		{"-1s", ir.Timeout{}, false},
		{"+1s", ir.Timeout{}, false},
		{"1", ir.Timeout{}, false},
		{"ten seconds", ir.Timeout{}, false},
		{"9999999999h", ir.Timeout{}, false},
	} {
		got, ok := Parse(tc.text)
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("Parse(%q) = %v, %v, want %v, %v", tc.text, got, ok, tc.want, tc.ok)
		}
	}
}
