package settings

import (
	"reflect"
	"strconv"
	"strings"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// maxTags and maxTagBytes bound what each record of a request contains.
const (
	maxTags     = 64
	maxTagBytes = 256
)

// tracing sets what is traced. Its ExtensionService is looked up when it is there.
func (a *applier) tracing() {
	const field = "tracing"
	t, into := a.doc.spec.Tracing, &a.cfg.Tracing
	if t == nil || !a.doc.setsBelow(field) {
		return
	}
	before := *into
	switch to := t.ExtensionService; {
	case to == nil: // see below
	case to.Name == "" || to.Namespace == "":
		a.errorf(field+".extensionService", "A namespace and a name of an ExtensionService are required.")
	default:
		into.Collector = kobj.Name{Namespace: to.Namespace, Name: to.Name}
	}
	if t.IncludePodDetail != nil {
		into.OmitPodDetail = !*t.IncludePodDetail
	}
	if t.ServiceName != nil {
		setText(&into.ServiceName, *t.ServiceName)
	}
	a.positive(&into.MaxPathBytes, t.MaxPathTagLength, field+".maxPathTagLength")
	a.percentage(&into.Overall, field+".overallSampling", t.OverallSampling)
	a.percentage(&into.Client, field+".clientSampling", t.ClientSampling)
	a.percentage(&into.Random, field+".randomSampling", t.RandomSampling)
	a.traceTags(t.CustomTags)
	if t.ExtensionService == nil && !reflect.DeepEqual(before, *into) {
		a.errorf(field+".extensionService", "The settings of tracing require an ExtensionService.")
	}
}

func (a *applier) percentage(into *float64, field string, text *string) {
	if text == nil || *text == "" {
		return
	}
	p, err := strconv.ParseFloat(*text, 64)
	if err != nil || !(p >= 0 && p <= 100) {
		a.errorf(field, "%q is not a number between 0 and 100.", *text)
		return
	}
	*into = p
}

func (a *applier) traceTags(tags []*v1alpha1.CustomTag) {
	const field = "tracing.customTags"
	if len(tags) > maxTags {
		a.errorf(field, "There are %d tags; at most %d are allowed.", len(tags), maxTags)
		return
	}
	seen := map[string]bool{}
	var out []ir.TraceTag
	for _, t := range tags {
		switch {
		case t == nil || t.TagName == "":
			a.errorf(field, "A tag has no tagName.")
			continue
		case seen[t.TagName]:
			a.errorf(field, "The tag %q occurs twice.", t.TagName)
		case (t.Literal == "") == (t.RequestHeaderName == ""):
			a.errorf(field, "The tag %q has not exactly one of literal and requestHeaderName.", t.TagName)
		case len(t.TagName) > maxTagBytes || len(t.Literal) > maxTagBytes:
			a.errorf(field, "The tag %q is longer than %d bytes.", t.TagName, maxTagBytes)
		case t.RequestHeaderName != "" && validate.HeaderName(t.RequestHeaderName) != "":
			a.errorf(field, "The header %q of the tag %q %s.", t.RequestHeaderName, t.TagName, validate.HeaderName(t.RequestHeaderName))
		}
		seen[t.TagName] = true
		out = append(out, ir.TraceTag{Name: t.TagName, Literal: t.Literal, Header: strings.ToLower(t.RequestHeaderName)})
	}
	if len(out) > 0 {
		a.cfg.Tracing.Tags = out
	}
}
