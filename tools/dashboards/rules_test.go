package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// The rules for alerts are ones that Prometheus accepts, with a summary for those who are called, and each of their metrics is one of the
// controller, which has it by that name in its source.
func TestRules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "prometheus", "contour.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	groups, problems := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	sources, err := filepath.Glob(filepath.Join("..", "..", "contour", "internal", "metrics", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range sources {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(content)
	}
	rules := 0
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Alert == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
				t.Errorf("%+v", r)
			}
			metrics := regexp.MustCompile(`contour_[a-z_]+`).FindAllString(r.Expr, -1)
			if len(metrics) == 0 {
				t.Errorf("%s: no metric of the controller in %s", r.Alert, r.Expr)
			}
			for _, m := range metrics {
				if !strings.Contains(source.String(), `"`+m+`"`) {
					t.Errorf("%s: there is no metric %s", r.Alert, m)
				}
			}
		}
	}
	if rules < 4 {
		t.Errorf("%d rules", rules)
	}
}
