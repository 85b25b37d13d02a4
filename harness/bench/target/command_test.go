package target

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFill(t *testing.T) {
	t.Parallel()
	c := ParseCommand("  any --xds={xds-port} --at=127.0.0.1:{xds-port}/{dir} {}  ")
	got, err := c.fill(Values{XDSPort: "7", Dir: "a b"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Command{"any", "--xds=7", "--at=127.0.0.1:7/a b", "{}"}, got); diff != "" {
		t.Error(diff)
	}
	if c[1] != "--xds={xds-port}" {
		t.Errorf("fill has changed the command: %q", c)
	}
	if _, err := c.fill(Values{Dir: "d"}); err == nil || !strings.Contains(err.Error(), "{xds-port}") {
		t.Errorf("error %v does not name the placeholder", err)
	}
}
