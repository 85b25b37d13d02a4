// Command manifestgen generates the files of manifests/ and charts/ that follow from other files: the RBAC rules from the markers in the
// Go code (by the controller-gen that tools/go.mod pins), manifests/contour.yaml from manifests/base, and the objects of charts/.
//
//	manifestgen REPOSITORY          writes them
//	manifestgen -print DIRECTORY    prints the manifests that a kustomization makes
//
// It uses neither the network nor a cluster; equal inputs produce equal bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	printed := flag.String("print", "", "`directory` of a kustomization to print")
	flag.Parse()
	var err error
	switch {
	case *printed != "" && flag.NArg() == 0:
		err = printManifests(*printed)
	case *printed == "" && flag.NArg() == 1:
		err = generate(flag.Arg(0))
	default:
		fmt.Fprintln(os.Stderr, "usage: manifestgen REPOSITORY | manifestgen -print DIRECTORY")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manifestgen:", err)
		os.Exit(1)
	}
}

func printManifests(dir string) error {
	text, err := render(dir)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

// generate writes all generated files below manifests/ and charts/, in the order of their dependencies.
func generate(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	for _, r := range roles() {
		if err := r.generate(root); err != nil {
			return err
		}
	}
	text, err := render(filepath.Join(root, "manifests", "base"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "manifests", "contour.yaml"), append([]byte(header), text...), 0o644); err != nil {
		return fmt.Errorf("write manifests: %w", err)
	}
	return generateCharts(root)
}

const header = `# Generated from manifests/base by make fix-generate; see docs/install.md.
`
