package target

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"contour.example/harness/envoy"
)

// Command is a program and its arguments; each may have placeholders, {name}.
type Command []string

// ParseCommand splits a line at blanks. There are no quotes: what needs them goes into a script.
func ParseCommand(line string) Command { return strings.Fields(line) }

// Values are what the placeholders stand for, by name.
type Values map[string]string

// Names of the placeholders. Ports are on 127.0.0.1; the files are PEM.
const (
	Kubeconfig     = "kubeconfig"       // file of a user with all rights
	Namespace      = "namespace"        // the controller's, which exists
	Dir            = "dir"              // a directory that is deleted at the end
	XDSPort        = "xds-port"         // where the controller serves xDS
	HealthPort     = "health-port"      // free for the controller
	MetricsPort    = "metrics-port"     // free for the controller, which serves /metrics
	DebugPort      = "debug-port"       // free for the controller
	HTTPPort       = "envoy-http-port"  // where Envoy listens
	HTTPSPort      = "envoy-https-port" // where Envoy listens
	StatsPort      = "envoy-stats-port" // free for Envoy
	CAFile         = "ca-file"          // both sides of xDS trust it
	CertFile       = "cert-file"        // the controller's, for the name contour
	KeyFile        = "key-file"
	BootstrapFile  = "bootstrap-file"  // what the bootstrap command writes
	AdminSocket    = "admin-socket"    // path of Envoy's admin endpoint
	RelayPort      = "relay-port"      // where Envoy connects to, for xDS
	EnvoyCertFile  = "envoy-cert-file" // Envoy's, for xDS
	EnvoyKeyFile   = "envoy-key-file"
	IngressAddress = "ingress-address" // what the status of an Ingress has
)

// fill returns the command with values in place of the placeholders. One that has no value is an error.
func (c Command) fill(v Values) (Command, error) {
	filled := slices.Clone(c)
	placeholder := regexp.MustCompile(`\{[a-z-]+\}`)
	var unknown []string
	for i, arg := range c {
		filled[i] = placeholder.ReplaceAllStringFunc(arg, func(p string) string {
			value, ok := v[p[1:len(p)-1]]
			if !ok {
				unknown = append(unknown, p)
			}
			return value
		})
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("command %q: unknown placeholder %s", strings.Join(c, " "), strings.Join(unknown, ", "))
	}
	return filled, nil
}

// serve is how contour is started; the arguments of the variable CONTOUR_ARGS come before more, which override them.
func serve(contour string, more []string) Command {
	return slices.Concat(Command{
		contour, "serve", "--kubeconfig={kubeconfig}", "--leader-election-resource-namespace={namespace}",
		"--ingress-status-address={ingress-address}",
		"--contour-cafile={ca-file}", "--contour-cert-file={cert-file}", "--contour-key-file={key-file}",
		"--xds-address=127.0.0.1", "--xds-port={xds-port}",
		"--health-address=127.0.0.1", "--health-port={health-port}",
		"--http-address=127.0.0.1", "--http-port={metrics-port}",
		"--debug-http-address=127.0.0.1", "--debug-http-port={debug-port}",
		"--envoy-service-http-address=127.0.0.1", "--envoy-service-http-port={envoy-http-port}",
		"--envoy-service-https-address=127.0.0.1", "--envoy-service-https-port={envoy-https-port}",
		"--stats-address=127.0.0.1", "--stats-port={envoy-stats-port}",
		"--envoy-drain-time=" + envoy.DrainTime.String(),
	}, strings.Fields(os.Getenv("CONTOUR_ARGS")), more)
}
