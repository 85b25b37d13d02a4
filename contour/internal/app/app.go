// Package app is the command line of contour: it reads flags, constructs the stages,
// starts them in order and stops them in order.
//
// It contains no logic of the stages.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"contour.example/envoybootstrap"
)

// Streams are where a command reads and writes.
type Streams struct {
	Out, Err io.Writer
	Env      func(string) string
	// RedirectClientLog redirects the log of the Kubernetes client, which is global to the process, to the handler; nil
	// leaves it as it is. Verbosity is 0 to 9.
	RedirectClientLog func(h slog.Handler, verbosity int)
}

// Main runs contour with the arguments (without the program's name) until it returns or receives a signal to
// terminate, and returns the exit code (exitCodes).
func Main(args []string, s Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var misused bool
	root := command(s, &misused)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return int(done)
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(s.Err, "contour: %v\n", err)
	if wrong := (usageError{}); misused || errors.As(err, &wrong) {
		return int(misuse)
	}
	return int(failed)
}

// command returns the command tree. It sets misused if the command line is wrong.
func command(s Streams, misused *bool) *cobra.Command {
	*misused = true // until a command runs
	root := &cobra.Command{
		Use:           "contour",
		Short:         "An Ingress controller that configures Envoy.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	logging := &logFlags{}
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		err := logging.check()
		*misused = err != nil
		return err
	}
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	version, revision := buildVersion()
	root.Version = fmt.Sprintf("version %s\nrevision %s\n", version, revision)
	root.SetVersionTemplate("{{.Version}}")
	root.SetCompletionCommandGroupID("Install")
	root.SetHelpCommand(helpCommand())
	root.SetFlagErrorFunc(flagError)
	logging.add(root.PersistentFlags())
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Run", []*cobra.Command{serveCommand(s, logging), provisionerCommand(s, logging), standaloneCommand(s, logging)}},
		{"Look", []*cobra.Command{explainCommand(s, logging), routesCommand(s, logging), statusCommand(s), changesCommand(s), xdsCommand(s), cliCommand(s, logging)}},
		{"Check", []*cobra.Command{validateCommand(s, logging), diffCommand(s, logging), testCommand(s, logging), preflightCommand(s, logging)}},
		{"Install", []*cobra.Command{bootstrapCommand(s), certgenCommand(s), envoyCommand(s, logging), versionCommand(s), bugReportCommand(s)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, c := range g.commands {
			c.GroupID = g.title
		}
		root.AddCommand(g.commands...)
	}
	root.AddCommand(exitCodesTopic())
	return root
}

func bootstrapCommand(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:                "bootstrap PATH",
		Short:              "Write Envoy's bootstrap file.",
		DisableFlagParsing: true, // envoybootstrap has its own, so that both binaries agree
		RunE: func(_ *cobra.Command, args []string) error {
			if code := envoybootstrap.Run(args, s.Env, s.Out, s.Err); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}

func versionCommand(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and the versions of what it is tested with.",
		Args:  arguments(0, 0),
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintf(s.Out, "%senvoy %s\ngateway-api %s\ngo %s\n", c.Root().Version,
				defaultEnvoyImage[strings.LastIndexByte(defaultEnvoyImage, ':')+1:], moduleVersion("sigs.k8s.io/gateway-api"), strings.TrimPrefix(runtime.Version(), "go"))
		},
	}
}

// moduleVersion is the version of a module that the binary is built with.
func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}

// stampedVersion is the version of a release, which the linker sets.
//
//nolint:gochecknoglobals // the linker sets variables only
var stampedVersion string

// buildVersion is the version of the release, or else that which the Go toolchain stamped into the binary, and its revision; "-dirty" after the revision
// means that the sources had uncommitted changes.
func buildVersion() (version, revision string) {
	version, revision = "devel", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, revision
	}
	switch v := info.Main.Version; {
	case stampedVersion != "":
		version = stampedVersion
	case v != "" && v != "(devel)":
		version = v
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision": // comes before vcs.modified
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			revision += "-dirty"
		}
	}
	return version, revision
}
