//go:build envoy

package app_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Service of type ExternalName is served at the addresses of its name and follows its edits. Beside a name that is not
// resolved, hosts of others are added, served and edited: nothing of them waits for it.
func TestStandaloneServesExternalNames(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	config := filepath.Join(s.temp, "contour.yaml")
	if err := os.WriteFile(config, []byte("enableExternalNameService: true\ncluster: {dns-lookup-family: v4}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := s.backend.Listener.Addr().(*net.TCPAddr).Port
	external := func(name, host string) string {
		return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {type: ExternalName, externalName: %s, ports: [{port: %d}]}
---
`, name, host, port) + strings.Replace(route(name, "/"), "{name: web, port: 80}", fmt.Sprintf("{name: %s, port: %d}", name, port), 1)
	}
	s.write("named.yaml", external("named", "localhost"))
	s.write("lost.yaml", external("lost", "no-such-host.invalid"))
	s.start("--config-path", config)
	s.serves("named.example", "/x", "200 named.example/x")
	s.says("lost.yaml:14: warning: HTTPProxy default/lost: spec.routes[0].services[0]: ServiceUnresolvedReference: The externalName \"no-such-host.invalid\" of Service \"default/lost\" ")
	s.still("a.example", "/x", "200 a.example/x")

	s.write("c.yaml", route("c", "/"))
	s.serves("c.example", "/x", "200 c.example/x")
	s.write("a.yaml", route("a", "/only"))
	s.serves("a.example", "/x", "404 ")
	s.write("named.yaml", external("named", "127.0.0.1"))
	for range 50 { // an edit of the name fails no request
		s.still("named.example", "/x", "200 named.example/x")
	}
	s.write("lost.yaml", external("lost", "localhost"))
	s.serves("lost.example", "/x", "200 lost.example/x")
	if err := os.WriteFile(config, []byte("enableExternalNameService: false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.says(`named.yaml:14: error: HTTPProxy default/named: spec.routes[0].services[0]: ServiceUnresolvedReference: Service "default/named" is of type ExternalName, which is not enabled.`)
	until(t, "503", func() (bool, string) { got := s.get("named.example", "/"); return strings.HasPrefix(got, "503"), got })
	s.still("c.example", "/x", "200 c.example/x")
}
