package app

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contour.example/envoybootstrap"
)

// WriteReference writes the reference of the command line, docs/cli.md: all commands with their flags, and the exit codes. It is the same on
// every machine: the defaults of flags are those without environment variables.
func WriteReference(w io.Writer) error {
	var out bytes.Buffer
	var misused bool
	root := command(Streams{Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }}, &misused)
	out.WriteString("# The command line\n\n<!-- Generated from the commands by make fix-generate. -->\n\n" +
		"`contour help COMMAND` prints the same. Errors and messages go to standard error; what a command reports goes to standard output.\n")
	for _, g := range root.Groups() {
		fmt.Fprintf(&out, "\n| %s | |\n|---|---|\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range root.Commands() {
			if c.GroupID == g.ID {
				fmt.Fprintf(&out, "| [%s](#%s) | %s |\n", c.Name(), anchor(c), tableCell(c.Short))
			}
		}
	}
	out.WriteString("\n## Exit codes\n\nThey do not depend on the format of the output.\n\n| code | meaning |\n|---|---|\n")
	for code, meaning := range exitCodes() {
		fmt.Fprintf(&out, "| %d | %s |\n", code, tableCell(meaning))
	}
	out.WriteString("\n## Flags of all commands\n")
	writeFlags(&out, root.PersistentFlags())
	for _, c := range root.Commands() {
		if c.Runnable() && c.Name() != "help" {
			writeCommand(&out, c)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

func writeCommand(w *bytes.Buffer, c *cobra.Command) {
	fmt.Fprintf(w, "\n## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(w, "%s\n\n    %s\n", escaped(text), c.UseLine())
	if c.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n\n%s\n", indented(c.Example))
	}
	if c.DisableFlagParsing { // it has a parser of its own
		var help bytes.Buffer
		envoybootstrap.Run([]string{"--help"}, func(string) string { return "" }, &help, io.Discard)
		fmt.Fprintf(w, "\n%s", indented(help.String()))
	}
	writeFlags(w, c.LocalNonPersistentFlags())
	if c.HasParent() && c.HasSubCommands() {
		writeFlags(w, c.PersistentFlags())
	}
	for _, sub := range c.Commands() {
		writeCommand(w, sub)
	}
}

func writeFlags(w *bytes.Buffer, fs *pflag.FlagSet) {
	first := true
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if first {
			w.WriteString("\n| flag | default | meaning |\n|---|---|---|\n")
			first = false
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := f.DefValue
		if value == "[]" {
			value = ""
		}
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, tableCell(value), tableCell(f.Usage))
	})
}

// anchor is the fragment of the heading of a command.
func anchor(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// escaped is a text of help as Markdown: paragraphs as they are, and no placeholder is taken for a tag.
func escaped(text string) string { return strings.NewReplacer("<", `\<`, "*.", `\*.`).Replace(text) }

func tableCell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			out.WriteString("\n")
			continue
		}
		out.WriteString("    " + strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}
