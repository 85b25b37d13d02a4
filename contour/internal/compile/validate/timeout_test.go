package validate

import (
	"testing"
	"time"

	"contour.example/contour/internal/ir"
)

func TestTimeout(t *testing.T) {
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
		got, p := Timeout(tc.text)
		if ok := p == ""; ok != tc.ok || ok && got != tc.want {
			t.Errorf("Timeout(%q) = %v, %q, want %v, %v", tc.text, got, p, tc.want, tc.ok)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"1.5h": true, "0s": true, "1ns": true, "": false, "infinity": false, "-1s": false, "+1s": false, "1": false} {
		if _, p := Duration(text); (p == "") != ok {
			t.Errorf("Duration(%q): %q, want it accepted: %t", text, p, ok)
		}
	}
}

// FuzzTimeout checks that a timeout is a whole number of milliseconds, not below the input, and that its text is equal to it.
func FuzzTimeout(f *testing.F) {
	for _, s := range []string{"", "1m30s", "infinity", "1ns", "-1s", "9223372036854775807ns", "2562047h47m16.854775807s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, p := Timeout(text)
		if p != "" {
			if got != (ir.Timeout{}) {
				t.Errorf("%q is rejected, with the result %v", text, got)
			}
			return
		}
		if got.Duration < 0 || got.Duration%time.Millisecond != 0 || got.Disabled && got.Duration != 0 {
			t.Errorf("%q is %v", text, got)
		}
		if d, p := Duration(text); p == "" && got.Duration < d {
			t.Errorf("%q is %v, less than %v", text, got, d)
		}
		if again, p := Timeout(got.Duration.String()); !got.Disabled && (p != "" || again != got) {
			t.Errorf("%q is %v, which reads as %v, %q", text, got, again, p)
		}
	})
}
