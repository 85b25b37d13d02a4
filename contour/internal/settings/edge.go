package settings

import (
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
)

// edge is the section of the file for what Envoy accepts from clients at the edge of the network. Contour has none of its
// keys. docs/security.md compares the defaults with Envoy's guide.
type edge struct {
	RequestHeadersTimeout *string `json:"request-headers-timeout"`
	StreamWindow          *uint32 `json:"http2-stream-window-bytes"`
	ConnectionWindow      *uint32 `json:"http2-connection-window-bytes"`
	Underscores           *string `json:"headers-with-underscores"`
	EscapedSlashes        *string `json:"escaped-slashes"`
}

func edgeKeys() []key {
	return []key{
		{file: "edge.request-headers-timeout", value: "30s", ours: true},
		{file: "edge.http2-stream-window-bytes", value: "65536", ours: true},
		{file: "edge.http2-connection-window-bytes", value: "1048576", ours: true},
		{file: "edge.headers-with-underscores", value: "allow", ours: true},
		{file: "edge.escaped-slashes", value: "keep", ours: true},
	}
}

func (a *applier) edge() {
	own := a.doc.own.Edge
	if t := own.RequestHeadersTimeout; t != nil {
		limit, problem := validate.Timeout(*t)
		if problem != "" {
			a.errorf("edge.request-headers-timeout", "%q %s.", *t, problem)
		}
		a.cfg.Timeouts.RequestHeaders = limit
	}
	a.windows(own)
	if v := own.Underscores; v != nil && a.oneOf("edge.headers-with-underscores", *v, "allow", "reject", "drop") {
		a.cfg.HTTP.Underscores = map[string]ir.Underscores{
			"allow": ir.AllowUnderscores, "reject": ir.RejectUnderscores, "drop": ir.DropUnderscores,
		}[*v]
	}
	if v := own.EscapedSlashes; v != nil && a.oneOf("edge.escaped-slashes", *v, "keep", "reject", "redirect") {
		a.cfg.HTTP.EscapedSlashes = map[string]ir.EscapedSlashes{
			"keep": ir.KeepEscapedSlashes, "reject": ir.RejectEscapedSlashes, "redirect": ir.RedirectEscapedSlashes,
		}[*v]
	}
}

// The windows that HTTP/2 allows; Envoy does not take less than the default of the protocol.
const minWindow, maxWindow = 65_535, 1<<31 - 1

// windows sets the windows of clients and of backends.
func (a *applier) windows(own edge) {
	w := a.cfg.HTTP.Windows
	for _, row := range []struct {
		field      string
		from, into *uint32
	}{
		{"edge.http2-stream-window-bytes", own.StreamWindow, &w.Stream},
		{"edge.http2-connection-window-bytes", own.ConnectionWindow, &w.Connection},
	} {
		if n := row.from; n != nil && (*n < minWindow || *n > maxWindow) {
			a.errorf(row.field, "%d is not between %d and %d.", *n, minWindow, maxWindow)
			continue
		}
		setField(row.into, row.from)
	}
	a.cfg.HTTP.Windows, a.cfg.Cluster.Windows = w, w
}
