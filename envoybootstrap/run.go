package envoybootstrap

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// The exit codes of Run.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// errUsage marks errors in the command line.
var errUsage = errors.New("see --help")

// command is one parsed command line.
type command struct {
	path      string
	adminPort int
	version   string
	config    Config
}

// Run is the command `envoybootstrap [flags] PATH` (and `contour bootstrap`): it
// writes the files that its flags specify. args do not contain the program's name, flags
// may be before or after PATH, env looks up the defaults in the environment.
// A PATH of "-" prints the bootstrap and writes no file.
//
// It returns the exit code: 0, 1 if something could not be done, 2 for a wrong command line.
func Run(args []string, env func(string) string, stdout, stderr io.Writer) int {
	err := run(args, env, stdout, stderr)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "bootstrap: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "bootstrap: %v\n", err)
		return exitError
	}
}

func run(args []string, env func(string) string, stdout, stderr io.Writer) error {
	cmd := command{config: fromEnvironment(env)}
	flags := cmd.flags()
	paths, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		printHelp(stdout, flags)
		return nil
	}
	if err == nil {
		err = cmd.check(paths)
	}
	if err != nil {
		return fmt.Errorf("%w (%w)", err, errUsage)
	}
	if cmd.adminPort != 0 {
		fmt.Fprintln(stderr, "bootstrap: --admin-port is deprecated and has no effect: Envoy's admin endpoint is a unix socket")
	}
	if cmd.path == "-" {
		return cmd.print(stdout)
	}
	return Write(cmd.path, cmd.config)
}

// fromEnvironment is Default with the values of the environment.
func fromEnvironment(env func(string) string) Config {
	c := Default()
	c.TLS = TLS{CAFile: env("ENVOY_CAFILE"), CertFile: env("ENVOY_CERT_FILE"), KeyFile: env("ENVOY_KEY_FILE")}
	if ns := env("CONTOUR_NAMESPACE"); ns != "" {
		c.Namespace = ns
	}
	return c
}

func (cmd *command) flags() *flag.FlagSet {
	c := &cmd.config
	f := flag.NewFlagSet("bootstrap", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&c.AdminSocket, "admin-address", c.AdminSocket, "unix `socket` of Envoy's admin endpoint")
	f.IntVar(&cmd.adminPort, "admin-port", 0, "deprecated, no effect: the admin endpoint has no `port`")
	f.StringVar(&c.DNSLookupFamily, "dns-lookup-family", c.DNSLookupFamily, "`family` of addresses of the xDS server's name to use: auto, v4, v6 or all")
	f.StringVar(&c.TLS.CAFile, "envoy-cafile", c.TLS.CAFile, "CA `file` to verify the xDS server with ($ENVOY_CAFILE)")
	f.StringVar(&c.TLS.CertFile, "envoy-cert-file", c.TLS.CertFile, "`file` of Envoy's client certificate ($ENVOY_CERT_FILE)")
	f.StringVar(&c.TLS.KeyFile, "envoy-key-file", c.TLS.KeyFile, "`file` of its private key ($ENVOY_KEY_FILE)")
	f.StringVar(&c.Fleet, "fleet", c.Fleet, "`name` of the fleet; the controller rejects this Envoy if its certificate is for another one")
	f.StringVar(&c.Namespace, "namespace", c.Namespace, "`namespace` of the controller ($CONTOUR_NAMESPACE)")
	f.Int64Var(&c.MaxDownstreamConnections, "overload-downstream-max-conn", 0, "accept at most this `number` of connections; 0 is no limit")
	f.Uint64Var(&c.MaxHeapBytes, "overload-max-heap", 0, "reject requests near this heap size in `bytes`; 0 is no limit")
	f.StringVar(&c.ResourcesDir, "resources-dir", "", "`directory` for the SDS files (default: the directory of PATH)")
	f.StringVar(&c.Stats, "stats", c.Stats, "`figures` that Envoy keeps of each cluster: default, all or minimal")
	f.StringVar(&c.XDSAddress, "xds-address", c.XDSAddress, "`address` of the xDS server: DNS name, IP address or unix:///path")
	f.IntVar(&c.XDSPort, "xds-port", c.XDSPort, "TCP `port` of the xDS server")
	f.StringVar(&cmd.version, "xds-resource-version", "v3", "xDS API `version`; v3 is the only one")
	return f
}

// parse accepts flags on both sides of the other arguments, which it returns.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	var others []string
	for {
		if err := flags.Parse(args); err != nil {
			if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
				return nil, fmt.Errorf("unknown flag: --%s", name)
			}
			return nil, err
		}
		if flags.NArg() == 0 {
			return others, nil
		}
		others = append(others, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

func (cmd *command) check(paths []string) error {
	if len(paths) != 1 || paths[0] == "" {
		return fmt.Errorf("want one PATH to write to, got %d", len(paths))
	}
	cmd.path = paths[0]
	if cmd.version != "v3" {
		return fmt.Errorf("xDS resource version %q: want v3", cmd.version)
	}
	if cmd.path == "-" && cmd.config.TLS.enabled() && cmd.config.ResourcesDir == "" {
		return errors.New("--resources-dir: missing; required because printing writes no SDS files")
	}
	return cmd.config.Validate()
}

func (cmd *command) print(out io.Writer) error {
	document, err := bootstrap(cmd.config)
	if err != nil {
		return err
	}
	content, err := encode(document)
	if err != nil {
		return err
	}
	if _, err := out.Write(content); err != nil {
		return fmt.Errorf("print bootstrap: %w", err)
	}
	return nil
}

func printHelp(out io.Writer, flags *flag.FlagSet) {
	fmt.Fprint(out, `Write the configuration that Envoy starts from, so that it gets the rest from the controller.

Usage: bootstrap [flags] PATH

PATH is the file to write, usually envoy.json; - prints it instead.
With TLS two more files go to <resources-dir>/sds; Envoy reads renewed certificates without a restart.

Flags:
`)
	flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(out, "  --%s %s\n        %s", f.Name, value, usage)
		if f.DefValue != "" && f.DefValue != "0" {
			fmt.Fprintf(out, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(out)
	})
}
