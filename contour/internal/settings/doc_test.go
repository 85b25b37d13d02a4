package settings

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/configuration.md has a row for each setting, with its default and whether it is applied at run time.
func TestSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	uses := map[effect]string{applied: "yes", restart: "no, restart", ignored: "no effect"}
	for _, k := range keys() {
		row := fmt.Sprintf("| %s | %s |", code(k.file), code(k.field))
		_, rest, ok := strings.Cut(string(text), row)
		line, _, _ := strings.Cut(rest, "\n")
		value := k.value
		if k.inFile != "" {
			value = k.inFile
		}
		if strings.HasPrefix(value, "[") && len(value) > 60 {
			ok = ok && strings.Contains(string(text), value)
			value = ""
		}
		if !ok || !strings.Contains(line, code(value)) || k.file != "server" && !strings.HasSuffix(line, "| "+uses[k.effect]+" |") {
			t.Errorf("%s %s: no row %q with the default %q that ends in %q", k.file, k.field, row, value, uses[k.effect])
		}
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
