package h2load

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const report = `starting benchmark...
spawning thread #0: 16 total client(s). 40000 total requests
Application protocol: http/1.1
progress: 100% done

finished in 812.34ms, 49240.25 req/s, 6.81MB/s
requests: 40000 total, 40000 started, 40000 done, 40000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 40000 2xx, 0 3xx, 0 4xx, 0 5xx
`

func TestReport(t *testing.T) {
	t.Parallel()
	if d, err := took(report, 40000); err != nil || d != 812340*time.Microsecond {
		t.Errorf("took %v, %v", d, err)
	}
	if d, err := took(strings.Replace(report, "812.34ms", "1.50s", 1), 40000); err != nil || d != 1500*time.Millisecond {
		t.Errorf("took %v, %v", d, err)
	}
	failing := strings.Replace(report, "40000 succeeded, 0 failed", "39999 succeeded, 1 failed", 1)
	if _, err := took(failing, 40000); err == nil || !strings.Contains(err.Error(), "1 failed") {
		t.Errorf("requests that failed: %v", err)
	}
	if _, err := took("something else", 1); err == nil {
		t.Error("another report is read")
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	args := Load{URL: "http://a.example/x", At: "127.0.0.1:8080", HTTP1: true, Connections: 16, Requests: 100}.args()
	for _, want := range []string{"--h1", "--connect-to=127.0.0.1:8080", "--clients=16", "--requests=100", "http://a.example/x"} {
		if !slices.Contains(args, want) {
			t.Errorf("no %s in %q", want, args)
		}
	}
}
