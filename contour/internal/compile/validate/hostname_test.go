package validate

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestHostname(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a.", 126) + "a" // 253 characters
	for _, tc := range []struct{ text, hostname, precise string }{
		{"a.example.com", "a.example.com", "a.example.com"},
		{"A.Example.COM", "a.example.com", "a.example.com"},
		{"localhost", "localhost", "localhost"},
		{"*.example.com", "*.example.com", ""},
		{"*.com", "*.com", ""},
		{"10.0.0.1", "10.0.0.1", "10.0.0.1"},
		{long, long, long},
		{"*." + long, "*." + long, ""},
		{"a" + long, "", ""},
		{"", "", ""},
		{"*", "", ""},
		{"*.", "", ""},
		{"*.*.example.com", "", ""},
		{"a.*.example.com", "", ""},
		{"*a.example.com", "", ""},
		{"a..example.com", "", ""},
		{"a.example.com.", "", ""},
		{"-a.example.com", "", ""},
		{"a-.example.com", "", ""},
		{"a_b.example.com", "", ""},
		{"a.example.com:80", "", ""},
		{"bücher.example.com", "", ""},
		{"::1", "", ""},
	} {
		if got, p := Hostname(tc.text); got != tc.hostname || (p == "") != (tc.hostname != "") {
			t.Errorf("Hostname(%q) = %q, %q, want %q", tc.text, got, p, tc.hostname)
		}
		if got, p := PreciseHostname(tc.text); got != tc.precise || (p == "") != (tc.precise != "") {
			t.Errorf("PreciseHostname(%q) = %q, %q, want %q", tc.text, got, p, tc.precise)
		}
	}
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		ok   bool
		name string
	}{
		{"a.example.com", true, "a.example.com"},
		{"A.example.com:8080", true, "A.example.com"},
		{"10.0.0.1:80", true, ""},
		{"[::1]:80", true, ""},
		{"under_score", true, ""},
		{"", false, ""},
		{"a b", false, ""},
		{"a/b", false, ""},
		{"a\r\nb", false, ""},
		{strings.Repeat("a", 513), false, ""},
	} {
		if p := Authority(tc.text); (p == "") != tc.ok {
			t.Errorf("Authority(%q) = %q, want it accepted: %t", tc.text, p, tc.ok)
		}
		if got := ServerName(tc.text); got != tc.name {
			t.Errorf("ServerName(%q) = %q, want %q", tc.text, got, tc.name)
		}
	}
}

// FuzzHostname compares Hostname with the validation of Kubernetes.
func FuzzHostname(f *testing.F) {
	for _, s := range []string{"a.example.com", "*.Example.com", "10.0.0.1", "*", "a..b", "K.example.com", "ſ.example.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, p := Hostname(text)
		lower := strings.ToLower(text)
		want := len(validation.IsDNS1123Subdomain(lower)) == 0 || len(validation.IsWildcardDNS1123Subdomain(lower)) == 0 && len(lower) <= maxHostname
		if ok := p == ""; ok != want && len(lower) <= maxHostname || ok && got != lower {
			t.Errorf("Hostname(%q) = %q, %q; Kubernetes accepts it: %t", text, got, p, want)
		}
		if name := ServerName(text); name != "" && (IsAddress(name) || !isDNSName(strings.ToLower(name)) || Authority(name) != "") {
			t.Errorf("ServerName(%q) = %q", text, name)
		}
	})
}
