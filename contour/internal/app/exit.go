package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// exitCode is the exit code of a command. As an error, it is that of a command that has already printed its error.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// The exit codes of all commands.
const (
	done   exitCode = 0
	failed exitCode = 1
	misuse exitCode = 2
	// answerNo is that of a command that did what it should, where the answer is no: there are findings, or a request is not answered as
	// expected.
	answerNo exitCode = 3
)

// exitCodes are the exit codes with their meaning.
func exitCodes() []string {
	return []string{
		done:     "The command did what it should, and the answer, if there is one, is yes.",
		failed:   "It could not be done: a file cannot be read or is not valid, the cluster or the controller does not answer, or there is no such object.",
		misuse:   "The command line is wrong: an unknown command or flag, a wrong value of a flag, or flags that exclude each other.",
		answerNo: "It was done, and the answer is no: findings of at least the severity of --fail-on, a failed test, a request that is not answered as expected, or a difference or a system that is not in sync with --exit-code, or a replica of the controller cannot be read.",
	}
}

// usageError is an error of the command line that only a command finds, not the parser of flags.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage returns the errors as one of the command line, nil if there are none.
func usage(errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return usageError{err}
	}
	return nil
}

// showHelp is what a command does that only has commands below it.
func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// exitCodesTopic is what contour help exit-codes prints.
func exitCodesTopic() *cobra.Command {
	var text strings.Builder
	text.WriteString("Exit codes of all commands. They do not depend on the format of the output.\n")
	for code, meaning := range exitCodes() {
		fmt.Fprintf(&text, "\n  %d  %s", code, meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "The exit codes of all commands.", Long: text.String()}
}

// helpCommand prints the help of a command; unlike that of the library, it fails if there is no such command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command or a topic.",
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("unknown command %q for %q", rest[0], of.CommandPath())
			}
			if err != nil {
				return usage(err)
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}
