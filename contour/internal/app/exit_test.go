package app

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandTree returns all commands that run.
func commandTree(t *testing.T) (all []*cobra.Command) {
	t.Helper()
	var misused bool
	var add func(*cobra.Command)
	add = func(c *cobra.Command) {
		if c.Runnable() && c.HasParent() {
			all = append(all, c)
		}
		for _, sub := range c.Commands() {
			add(sub)
		}
	}
	add(command(Streams{Env: noEnv}, &misused))
	return all
}

// words is the words of a command after contour.
func words(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

// validArguments returns valid arguments for a command.
func validArguments(c *cobra.Command) []string {
	switch c.Name() {
	case "explain":
		return []string{"http://www.example.com/", "-f", quickstart}
	case "diff":
		return []string{quickstart, quickstart}
	case "test":
		return []string{"-f", quickstart, "tests.yaml"}
	case "standalone", "certgen", "bootstrap":
		return []string{"testdata/none"}
	}
	return nil
}

// A flag that does not exist, a value that a flag cannot have, and an argument too many exit with 2, of every command.
func TestAWrongCommandLineExitsWith2(t *testing.T) {
	t.Parallel()
	rows := 0
	check := func(args ...string) {
		rows++
		if code, out, errs := runMain(args...); code != 2 || out != "" || !strings.Contains(errs, ": ") {
			t.Errorf("%q: exit code %d, printed %q, errors %q", args, code, out, errs)
		}
	}
	for _, c := range commandTree(t) {
		check(append(words(c), "--no-such-flag")...)
		if c.DisableFlagParsing || c.Name() == "help" {
			continue
		}
		with := append(words(c), validArguments(c)...)
		if c.Args != nil && c.Args(c, make([]string, 9)) != nil {
			check(append(with, "a", "b", "c", "d", "e", "f", "g", "h", "i")...)
		}
		check(append(with, "--log-format=no")...)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			switch {
			case f.Name == "output" && c.Name() != "bug-report", f.Name == "fail-on":
			case strings.HasPrefix(f.Value.Type(), "string"):
				return // any text, or one of the rows of the next test
			}
			check(append(with, "--"+f.Name+"=no")...)
		})
	}
	if rows < 100 {
		t.Errorf("%d rows", rows)
	}
}

// What only a command can find out about its command line exits with 2, what is not possible with 1, and what is answered with no with 3.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	bad := manifest(t, broken)
	dir := t.TempDir()
	serve := []string{"serve", "--insecure", "--xds-address=127.0.0.1"}
	for _, c := range []struct {
		code int
		args []string
	}{
		{2, []string{"no-such-command"}},
		{2, []string{"cli", "no-such-type"}},
		{2, []string{"envoy", "no-such-command"}},
		{2, []string{"help", "no-such-command"}},
		{2, []string{"help", "serve", "no-such-command"}},
		{0, []string{"help", "exit-codes"}},
		{0, []string{"help", "serve"}},
		{0, []string{"serve", "--help"}},
		{0, nil},
		{0, []string{"version"}},

		{2, []string{"serve"}}, // no certificates
		{2, []string{"serve", "--insecure", "--contour-cafile=a"}},
		{2, []string{"serve", "--insecure", "--xds-address=0.0.0.0"}},
		{2, append(serve, "--xds-clients-per-address=0")},
		{2, append(serve, "--envoy-drain-time=0s")},
		{2, append(serve, "--route-table-hosts=-1")},
		{2, append(serve, "--xds-connection-age=-1s")},
		{2, append(serve, "--stats-port=8080")},
		{2, append(serve, "--disable-feature=no")},
		{2, append(serve, "-c", "a", "--contour-config-name=b")},
		{1, append(serve, "-c", dir+"/none.yaml")},
		{1, append(serve, "--kubeconfig="+dir+"/none")},
		{2, []string{"gateway-provisioner", "--metrics-addr=no"}},
		{2, []string{"gateway-provisioner", "--insecure", "--xds-address=127.0.0.1"}},

		{2, []string{"standalone", dir, "--http-port=0"}},
		{2, []string{"standalone", dir, "--http-port=8443"}},
		{2, []string{"standalone", dir, "--http-address=localhost"}},
		{2, []string{"standalone", dir, "--envoy-concurrency=0"}},
		{1, []string{"standalone", dir + "/none"}},
		{1, []string{"standalone", dir, "--envoy=/none"}},

		{2, []string{"certgen", dir, "--certificate-lifetime=0"}},
		{2, []string{"certgen", dir, "--namespace=A"}},
		{2, []string{"certgen", dir, "--fleet=A"}},
		{2, []string{"certgen", dir, "--secrets-format=no"}},
		{2, []string{"certgen", dir, "--renew"}},
		{1, []string{"certgen", dir, "--kube", "--kubeconfig=" + dir + "/none"}},
		{2, []string{"envoy", "shutdown", "--check-interval=0s"}},
		{2, []string{"envoy", "shutdown", "--timeout=0s"}},
		{2, []string{"envoy", "shutdown", "--min-open-connections=-1"}},
		{2, []string{"bootstrap"}},
		{1, []string{"bootstrap", bad + "/envoy.json"}},
		{2, []string{"cli", "cds", "--cafile=a"}},
		{1, []string{"cli", "cds", "--cafile=a", "--cert-file=b", "--key-file=c"}},

		{2, []string{"validate", "-f", bad, "--address=127.0.0.1:1"}},
		{2, []string{"validate", "-f", bad, "-n", "a"}},
		{2, []string{"validate", "-f", bad, "--envoy-drain-time=0s"}},
		{2, []string{"validate", "--address=localhost"}},
		{2, []string{"validate", "--ingress-class-name=a"}},
		{2, []string{"validate", "--request-timeout=0s"}},
		{1, []string{"validate", "-f", "none.yaml"}},
		{1, []string{"validate", "--address=127.0.0.1:1"}},
		{3, []string{"validate", "-f", bad}},
		{0, []string{"validate", "-f", bad, "--fail-on=never"}},
		{2, []string{"validate", "--over-cluster"}},
		{2, []string{"validate", "--from=api", "-f", bad}},
		{2, []string{"validate", "--from=no"}},
		{2, []string{"validate", "-f", bad, "--over-cluster", "--address=127.0.0.1:1"}},
		{1, []string{"validate", "--from=api", "--kubeconfig=" + dir + "/none"}},
		{2, []string{"diff", "-f", bad, quickstart, quickstart}},
		{2, []string{"diff", quickstart}},
		{2, []string{"diff", quickstart, quickstart, "--over-cluster"}},
		{1, []string{"diff", "-f", bad, "--kubeconfig=" + dir + "/none"}},
		{2, []string{"explain", "www.example.com", "-f", quickstart}},
		{2, []string{"explain", "http://a/", "-f", quickstart, "-H", "x"}},
		{1, []string{"explain", "http://a/", "-f", "none.yaml"}},
		{3, []string{"explain", "http://a/", "-f", quickstart, "--expect=200"}},
		{2, []string{"diff", "-", "-"}},
		{1, []string{"diff", quickstart, "none.yaml"}},
		{3, []string{"diff", quickstart, bad, "--exit-code"}},
		{0, []string{"diff", quickstart, bad}},
		{2, []string{"test", "tests.yaml"}},
		{1, []string{"test", "-f", quickstart, "none.yaml"}},
		{2, []string{"routes", "--config-path=a"}},
		{1, []string{"routes", "none.example", "-f", quickstart}},
		{2, []string{"status", "www"}},
		{1, []string{"status", "--address=127.0.0.1:1"}},
		{2, []string{"changes", "--object=www"}},
		{2, []string{"changes", "--since=-1s"}},
		{2, []string{"changes", "--limit=0"}},
		{2, []string{"changes", "--watch", "-o", "json"}},
		{1, []string{"changes", "--address=127.0.0.1:1"}},
		{2, []string{"preflight", "--request-timeout=0s"}},
		{1, []string{"preflight", "-f", "none.yaml"}},
		{1, []string{"preflight", "--kubeconfig=" + dir + "/none"}},
		{0, []string{"preflight", "-f", quickstart}},
		{3, []string{"preflight", "-f", bad}},
		{2, []string{"bug-report", "--since=0s"}},
		{1, []string{"bug-report", "--output=" + bad}},
		{2, []string{"xds", "no-such-type"}},
		{2, []string{"xds", "cds", "--rejected"}},
		{1, []string{"xds", "cds", "--address=127.0.0.1:1"}},
	} {
		if code, out, errs := runMain(c.args...); code != c.code {
			t.Errorf("%q: exit code %d, want %d\n%s%s", c.args, code, c.code, out, errs)
		}
	}
}

// The reference has every command and every flag.
func TestReferenceHasAllCommands(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := WriteReference(&out); err != nil {
		t.Fatal(err)
	}
	for _, c := range commandTree(t) {
		if c.Name() == "help" {
			continue
		}
		if !strings.Contains(out.String(), " "+c.CommandPath()+"\n\n") {
			t.Errorf("no heading for %s", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(out.String(), "`--"+f.Name+"`") {
				t.Errorf("no flag --%s", f.Name)
			}
		})
	}
}
