package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// query is a query of a panel, with all variables set to all values.
type query struct{ dashboard, panel, text string }

// variable is a variable in a query.
var variable = regexp.MustCompile(`\$[A-Za-z]+`)

type dashboard struct {
	Title  string `json:"title"`
	Panels []struct {
		Title   string `json:"title"`
		Type    string `json:"type"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

// read returns the queries of the dashboards in a directory. A panel without a query is an error.
func read(dir string) (queries []query, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, p := range d.Panels {
			if p.Type != "row" && len(p.Targets) == 0 {
				return nil, fmt.Errorf("%s: panel %q has no query", file, p.Title)
			}
			for _, t := range p.Targets {
				queries = append(queries, query{d.Title, p.Title, variable.ReplaceAllString(t.Expr, ".*")})
			}
		}
	}
	if len(queries) == 0 {
		return nil, errors.New("there are no dashboards in " + dir)
	}
	return queries, nil
}
