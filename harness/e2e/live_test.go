//go:build local

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// The commands on a running controller show that its Envoy has an edit, which edit that was and how long it took; and if the Envoy refuses one, which object
// it is about and what the Envoy says, also by the exit code, until it is corrected.
func TestLiveCommands(t *testing.T) {
	s, err := testsystem.Start(t.Context(), testsystem.Options{EnvoyArgs: []string{"--config-yaml", strictLayer}, MayReject: true})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, s)
	namespace, err := s.Kube.CreateNamespace(t.Context(), "live")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, s: s, namespace: namespace}
	f.service("own", f.server("own", "a"))
	object := "HTTPProxy/" + namespace + "/mine"
	edit := func(regex string) {
		t.Helper()
		f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: mine}
spec:
  virtualhost: {fqdn: live.example}
  routes:
  - conditions: [{regex: %q}]
    services: [{name: own, port: 80}]
`, regex)
	}
	edit(fits)
	f.answered(traffic.Request{Host: "live.example", Path: "/abc"}, "own")
	f.live(0, []string{"in sync"}, "status", "--exit-code")
	f.live(0, []string{"Valid", "host: live.example", "Envoys: 1 of 1 have it"}, "status", object, "--exit-code")
	f.live(0, []string{"HTTPProxy " + namespace + "/mine", "has it after"}, "changes", "--object", object)
	f.live(0, []string{"answered by Service " + namespace + "/own"}, "explain", "http://live.example/abc", "--expect=200")
	f.live(0, []string{"http://live.example (listener ingress_http)"}, "routes", "live.example")
	f.live(0, []string{"nothing is rejected"}, "xds", "--rejected")

	edit(tooLarge)
	f.live(3, []string{"rejects 1: RDS", "HTTPProxy " + namespace + "/mine", "rejected: "}, "status", "--exit-code")
	f.live(3, []string{"rejected: RDS"}, "status", object, "--exit-code")
	f.live(0, []string{"HTTPProxy " + namespace + "/mine", "regex"}, "xds", "--rejected")
	f.live(3, []string{"error: HTTPProxy " + namespace + "/mine"}, "validate", "-n", namespace)

	edit(fits)
	f.live(0, []string{"in sync"}, "status", "--exit-code")
	f.live(0, []string{"Envoys: 1 of 1 have it"}, "status", object, "--exit-code")
	text := f.live(0, nil, "xds", "-o", "json")
	var list struct {
		Items []struct{ State, Version string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Items) != 1 || list.Items[0].State != "InSync" || list.Items[0].Version == "" {
		t.Errorf("%v: %s", err, text)
	}
}

// live runs a command against the first controller until it exits with that code and prints these parts, and returns what it prints.
func (f *fixture) live(code int, parts []string, args ...string) (text string) {
	f.t.Helper()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(f.s.Controllers[0].DebugPort))
	err := poll.Until(f.t.Context(), seen, strings.Join(args, " "), func(ctx context.Context) (bool, string, error) {
		command := exec.CommandContext(ctx, os.Getenv("CONTOUR"), append(args, "--address="+address)...)
		var out, log bytes.Buffer
		command.Stdout, command.Stderr = &out, &log
		got := 0
		var exit *exec.ExitError
		if err := command.Run(); errors.As(err, &exit) {
			got = exit.ExitCode()
		} else if err != nil {
			return false, "", err
		}
		text = out.String()
		for _, p := range parts {
			if !strings.Contains(text, p) {
				return false, text + log.String(), nil
			}
		}
		return got == code, strconv.Itoa(got) + ": " + text + log.String(), nil
	})
	if err != nil {
		f.t.Error(err)
	}
	return text
}
