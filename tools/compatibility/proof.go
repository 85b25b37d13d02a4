package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// proofs knows which tests exist. A proof is one of
//
//	DIRECTORY TestName           a test function of the package in DIRECTORY
//	case AREA/NAME               a case of contour/internal/pipeline/testdata, with expected answers or diagnostics
//	scenario NAME                a scenario of harness/e2e/testdata
//	conformance SUITE/NAME       a test of a conformance suite
type proofs struct {
	repository string
	tests      map[string]map[string]bool // names of test functions by directory
	suites     map[string]bool
}

// check returns what is wrong with the proofs of a line.
func (p *proofs) check(l line) (faults []string) {
	needs := l.answer == yes || l.answer == better || l.answer == different
	switch {
	case needs && len(l.proofs) == 0:
		return []string{"the answer " + l.answer + " has no proof"}
	case !needs && len(l.proofs) > 0:
		return []string{"the answer " + l.answer + " has a proof"}
	case l.answer == different && l.remark == "":
		return []string{"the difference is not described"}
	case l.answer == yes && len(l.proofs) > 0 && !slices.ContainsFunc(l.proofs, ofBehavior):
		return []string{"the proofs are of names and types only"}
	}
	for _, proof := range l.proofs {
		if fault := p.exists(proof); fault != "" {
			faults = append(faults, fault)
		}
	}
	return faults
}

// ofBehavior reports whether a proof is of more than that names, types and defaults are those of the specification, of settings that
// are applied.
func ofBehavior(proof string) bool {
	return !strings.HasSuffix(proof, "TestFieldsAreThoseOfTheSpecification") && !strings.HasSuffix(proof, "TestKeysAreThoseOfTheSpecification") &&
		!strings.HasSuffix(proof, "TestWhatHasNoEffectIsSaid")
}

// exists returns "" if a proof exists.
func (p *proofs) exists(proof string) string {
	where, name, ok := strings.Cut(proof, " ")
	if !ok {
		return fmt.Sprintf("%q is no proof", proof)
	}
	found := false
	switch where {
	case "case":
		dir := filepath.Join(p.repository, "contour", "internal", "pipeline", "testdata", filepath.FromSlash(name))
		found = isFile(filepath.Join(dir, "in.yaml")) && (isFile(filepath.Join(dir, "expect.yaml")) || isFile(filepath.Join(dir, "report.yaml")))
	case "scenario":
		found = isFile(filepath.Join(p.repository, "harness", "e2e", "testdata", name+".yaml"))
	case "conformance":
		found = p.conformance()[name]
	default:
		found = p.functions(where)[name]
	}
	if !found {
		return fmt.Sprintf("%q does not exist", proof)
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// functions returns the test functions of a package, whatever their build tags are.
func (p *proofs) functions(dir string) map[string]bool {
	if p.tests[dir] == nil {
		if p.tests == nil {
			p.tests = map[string]map[string]bool{}
		}
		p.tests[dir] = names(filepath.Join(p.repository, filepath.FromSlash(dir), "*_test.go"), `(?m)^func ((?:Test|Fuzz)\w+)\(`)
	}
	return p.tests[dir]
}

// conformance returns the tests of the suites.
func (p *proofs) conformance() map[string]bool {
	if p.suites == nil {
		p.suites = names(filepath.Join(p.repository, "conformance", "*", "*.go"), `Name: +"(\w+/[\w-]+)"`)
	}
	return p.suites
}

// names returns what the group of a pattern matches in files.
func names(glob, pattern string) map[string]bool {
	found := map[string]bool{}
	files, _ := filepath.Glob(glob) // the pattern is constant
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
	}
	return found
}
