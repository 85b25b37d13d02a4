package app

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Levels are those of Contour in both formats; those between them, of the Kubernetes client, are the next lower one.
func TestLevelsOfLogs(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]string{
		slog.LevelDebug - 3: "", slog.LevelDebug: "debug", slog.LevelDebug + 1: "debug", slog.LevelInfo: "info",
		slog.LevelWarn: "warning", slog.LevelError: "error", slog.LevelError + 1: "error",
	} {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			log := logger(&out, &logFlags{format: format, debug: true})
			log.Log(t.Context(), level, "said", "level", "not this one", slog.Group("g", "level", slog.LevelWarn))
			got := ""
			if format == "text" && out.Len() > 0 {
				got = regexp.MustCompile(` level=(\w+) msg=said `).FindStringSubmatch(out.String())[1]
			}
			if format == "json" && out.Len() > 0 {
				got = regexp.MustCompile(`"level":"(\w+)"`).FindStringSubmatch(out.String())[1]
				if !json.Valid(out.Bytes()) {
					t.Errorf("no JSON: %s", out.String())
				}
			}
			if got != want {
				t.Errorf("%v in %s: %q, want %q", level, format, got, want)
			}
		}
	}
}

// Every key of a log is in docs/logs.md, and every key there is used: nobody has to guess what it means.
func TestKeysOfLogsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}
	used := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				for _, key := range keysOf(c) {
					if used[key] = true; !documented[key] {
						t.Errorf("%s: key %q is not in docs/logs.md", path, key)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range documented {
		if !used[key] {
			t.Errorf("key %q of docs/logs.md is not used", key)
		}
	}
}

// keysOf returns the keys of a call of a logger: one with a constant message, or With on something that is called log.
func keysOf(c *ast.CallExpr) (keys []string) {
	method, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	first := 1
	switch method.Sel.Name {
	case "Debug", "Info", "Warn", "Error":
		if _, ok := literal(c.Args, 0); !ok {
			return nil
		}
	case "With":
		first = 0
	default:
		return nil
	}
	for i := first; i < len(c.Args); i += 2 {
		if key, ok := literal(c.Args, i); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func literal(args []ast.Expr, i int) (string, bool) {
	if i >= len(args) {
		return "", false
	}
	l, ok := args[i].(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}
