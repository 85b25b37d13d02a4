package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// role is the RBAC rules that are markers in Go packages.
type role struct {
	name string   // of the Role, or of the ClusterRole and the Role
	pkgs []string // below contour/
	file string   // below manifests/
	// watched is the file, below manifests/, of the ClusterRole as a Role for single namespaces; empty if there is none.
	watched string
	// others are the files, below manifests/, of the ClusterRoles that markers give another name, by that name.
	others map[string]string
}

func roles() []role {
	return []role{
		{"contour", []string{"internal/app", "internal/kind"}, "base/role.yaml", "overlays/watched-namespaces/watched/role.yaml", map[string]string{"contour-gateway-api": "gateway-api/role.yaml"}},
		{"contour-gateway-provisioner", []string{"internal/fleetwriter"}, "gateway-provisioner/role.yaml", "", nil},
		{"contour-certgen", []string{"internal/certs"}, "base/certgen-role.yaml", "", nil},
	}
}

// generate runs controller-gen on the packages and writes the files.
func (r role) generate(root string) error {
	rules, err := r.rules(root)
	if err != nil {
		return err
	}
	rules, err = r.separate(root, rules)
	if err != nil {
		return err
	}
	if err := r.write(root, r.file, rules); err != nil || r.watched == "" {
		return err
	}
	watched, err := inNamespace(rules, r.name)
	if err != nil {
		return err
	}
	return r.write(root, r.watched, watched)
}

// rules is YAML with a ClusterRole and a Role, or one of them.
func (r role) rules(root string) ([]byte, error) {
	args := []string{"tool", "-modfile=" + filepath.Join(root, "tools", "go.mod"), "controller-gen", "rbac:roleName=" + r.name, "output:rbac:stdout"}
	for _, pkg := range r.pkgs {
		args = append(args, "paths=./"+pkg)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join(root, "contour")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("controller-gen: %w", err)
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("controller-gen: no markers in %s", strings.Join(r.pkgs, ", "))
	}
	return text, nil
}

// separate writes the ClusterRoles with other names to files of their own, and returns the rest.
func (r role) separate(root string, rules []byte) (rest []byte, err error) {
	for document := range bytes.SplitSeq(rules, []byte("---\n")) {
		file := ""
		for name, of := range r.others {
			if bytes.Contains(document, []byte("kind: ClusterRole\nmetadata:\n  name: "+name+"\n")) {
				file = of
			}
		}
		switch document = append([]byte("---\n"), document...); {
		case len(document) == len("---\n"):
		case file == "":
			rest = append(rest, document...)
		default:
			if err := r.write(root, file, document); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

func (r role) write(root, file string, text []byte) error {
	header := fmt.Sprintf("# Generated from the markers in contour/%s by make fix-generate.\n", strings.Join(r.pkgs, " and contour/"))
	if err := os.WriteFile(filepath.Join(root, "manifests", filepath.FromSlash(file)), append([]byte(header), text...), 0o644); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}

// inNamespace is the ClusterRole of that name as a Role, called <name>-watch, without namespace. The Role that may be
// be beside it is left out: it is for the controller's own namespace.
func inNamespace(rules []byte, name string) ([]byte, error) {
	for document := range bytes.SplitSeq(rules, []byte("---\n")) {
		head := "kind: ClusterRole\nmetadata:\n  name: " + name + "\n"
		if bytes.Contains(document, []byte(head)) {
			document = bytes.Replace(document, []byte(head), []byte("kind: Role\nmetadata:\n  name: "+name+"-watch\n"), 1)
			return append([]byte("---\n"), document...), nil
		}
	}
	return nil, fmt.Errorf("rules: no ClusterRole %s", name)
}
