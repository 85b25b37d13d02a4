package settings

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

func TestTracing(t *testing.T) {
	t.Parallel()
	d, err := File("f", []byte(`
tracing:
  extensionService: team/otel
  includePodDetail: false
  serviceName: edge
  overallSampling: "50"
  clientSampling: "0"
  randomSampling: "0.5"
  maxPathTagLength: 64
  customTags: [{tagName: stage, literal: prod}, {tagName: agent, requestHeaderName: User-Agent}]
`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Tracing{
		Collector: kobj.Name{Namespace: "team", Name: "otel"}, ServiceName: "edge", Overall: 50, OmitPodDetail: true, Client: 0, Random: 0.5, MaxPathBytes: 64,
		Tags: []ir.TraceTag{{Name: "stage", Literal: "prod"}, {Name: "agent", Header: "user-agent"}},
	}
	if d := cmp.Diff(want, c.Tracing); d != "" {
		t.Errorf("tracing (-want +got):\n%s", d)
	}
	for _, row := range []struct{ tracing, want string }{
		{"{serviceName: edge}", "The settings of tracing require an ExtensionService."},
		{"{extensionService: a/b, overallSampling: \"101\"}", `"101" is not a number between 0 and 100.`},
		{"{extensionService: a/b, clientSampling: \"-1\"}", `"-1" is not a number between 0 and 100.`},
		{"{extensionService: a/b, randomSampling: NaN}", `"NaN" is not a number between 0 and 100.`},
		{"{extensionService: a/b, maxPathTagLength: 0}", "0 is less than 1."},
		{"{extensionService: a/b, customTags: [{tagName: a, literal: b}, {tagName: a, literal: c}]}", `The tag "a" occurs twice.`},
		{"{extensionService: a/b, customTags: [{tagName: a}]}", "exactly one of literal and requestHeaderName"},
		{"{extensionService: a/b, customTags: [{tagName: a, literal: b, requestHeaderName: c}]}", "exactly one of literal and requestHeaderName"},
		{"{extensionService: a/b, customTags: [{literal: b}]}", "A tag has no tagName."},
		{"{extensionService: a/b, customTags: [{tagName: a, requestHeaderName: a b}]}", "is not a valid header name"},
		{"{extensionService: a/b, customTags: [{tagName: a, literal: " + strings.Repeat("b", 257) + "}]}", "is longer than 256 bytes"},
		{"{extensionService: a/b, customTags: [" + strings.Repeat("{tagName: a, literal: b}, ", 65) + "]}", "at most 64 are allowed"},
	} {
		d, err := File("f", []byte("tracing: "+row.tracing))
		if err == nil {
			_, err = build(d)
		}
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.tracing, err, row.want)
		}
	}
}
