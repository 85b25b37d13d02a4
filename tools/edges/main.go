// Command edges checks which packages of this repository import which others.
//
//	edges REPOSITORY     reads REPOSITORY/tools/edges/edges.txt
//
// In go the layers of each module, written down, and the imports as the go command lists them, tests left out. Out come
// the imports that do not point down, and the packages that are in no layer or in one only on paper. It is part of
// make verify. Which packages of others a package may import is for depguard (.golangci.yml).
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: edges REPOSITORY")
		os.Exit(2)
	}
	faults, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "edges:", err)
		os.Exit(1)
	}
	for _, f := range faults {
		fmt.Fprintln(os.Stderr, f)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

func run(repository string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(repository, "tools", "edges", "edges.txt"))
	if err != nil {
		return nil, err
	}
	modules, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("edges.txt: %w", err)
	}
	var faults []string
	for _, m := range modules {
		imports, err := list(filepath.Join(repository, filepath.FromSlash(m.dir)))
		if err != nil {
			return nil, err
		}
		faults = append(faults, m.check(imports)...)
	}
	return faults, nil
}

// list returns what each package of the module in that directory imports.
func list(dir string) (map[string][]string, error) {
	var stderr bytes.Buffer
	c := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	c.Dir, c.Stderr = dir, &stderr
	c.Env = append(os.Environ(), "GOWORK=off")
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w: %s", dir, err, stderr.String())
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		imports[words[0]] = words[1:]
	}
	return imports, nil
}
