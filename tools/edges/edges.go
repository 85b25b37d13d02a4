package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// domain begins the import paths of this repository.
const domain = "contour.example/"

// module is the layers of one module.
type module struct {
	dir    string
	allow  []string // packages of other modules that it may import; "x/..." is x and everything below it
	layers []layer  // the highest first
}

// layer is packages that may import those of lower layers only, not each other.
type layer struct {
	rule     string // what the packages are, and what to use instead of what is not below them
	packages []string
}

// parse reads lines of these forms; a layer belongs to the module above it, "." is the module's own package.
//
//	module DIRECTORY
//	allow PACKAGE ...
//	# rule of the layer below
//	PACKAGE ...
func parse(text string) ([]*module, error) {
	var modules []*module
	var rule []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if words[0] == "#" {
			rule = append(rule, words[1:]...)
			continue
		}
		if words[0] == "module" && len(words) == 2 {
			modules, rule = append(modules, &module{dir: words[1]}), nil
			continue
		}
		if len(modules) == 0 {
			return nil, fmt.Errorf("%q is not in a module", words)
		}
		m := modules[len(modules)-1]
		if words[0] == "allow" {
			m.allow = append(m.allow, words[1:]...)
			continue
		}
		m.layers, rule = append(m.layers, layer{strings.Join(rule, " "), words}), nil
	}
	return modules, nil
}

// check returns the faults, sorted by package.
func (m *module) check(imports map[string][]string) []string {
	at := map[string]int{}
	var faults []string
	for i, l := range m.layers {
		for _, p := range l.packages {
			path := strings.TrimSuffix(domain+m.dir+"/"+p, "/.")
			if _, twice := at[path]; twice {
				faults = append(faults, path+" is listed twice")
			}
			if _, exists := imports[path]; !exists {
				faults = append(faults, path+" is listed, but does not exist")
			}
			at[path] = i
		}
	}
	for _, p := range slices.Sorted(maps.Keys(imports)) {
		i, listed := at[p]
		if !listed {
			faults = append(faults, p+" is in no layer of tools/edges/edges.txt: add it to the lowest that is above what it imports")
			continue
		}
		for _, used := range imports[p] {
			if !m.allowed(used, i, at) {
				faults = append(faults, strings.TrimSpace(fmt.Sprintf("%s imports %s, which is not below it. %s", p, used, m.layers[i].rule)))
			}
		}
	}
	return faults
}

// allowed reports whether a package of layer i may import another.
func (m *module) allowed(used string, i int, at map[string]int) bool {
	path, own := strings.CutPrefix(used, domain)
	if !own {
		return true
	}
	if j, ours := at[used]; ours {
		return j > i
	}
	return slices.ContainsFunc(m.allow, func(a string) bool {
		prefix, all := strings.CutSuffix(a, "/...")
		return path == prefix || all && strings.HasPrefix(path, prefix+"/")
	})
}
