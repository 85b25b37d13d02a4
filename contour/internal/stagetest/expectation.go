package stagetest

import (
	"fmt"
	"slices"
	"strings"

	"contour.example/contour/internal/semantic"
)

// Expectation is what an answer has to be. The fields below Status say nothing when they are empty, except From:
// an answer without it must come from Envoy itself.
type Expectation struct {
	Refused     bool   `json:"refused,omitempty"`
	Status      int    `json:"status,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Location    string `json:"location,omitempty"`
	Body        string `json:"body,omitempty"`
	// Headers of the answer, from wherever; the value "*" stands for any.
	Headers map[string]string `json:"headers,omitempty"`
	// Without are headers that a backend sent and the client must not see.
	Without []string `json:"without,omitempty"`
	From    []Source `json:"from,omitempty"`
	Lost    uint32   `json:"lost,omitempty"`
}

// Source is a backend that has to be among those that may answer, and what it has to be sent.
type Source struct {
	Service  string            `json:"service"`
	Weight   uint32            `json:"weight,omitempty"`
	Protocol string            `json:"protocol,omitempty"`
	SNI      string            `json:"sni,omitempty"`
	Verified []string          `json:"verified,omitempty"`
	Path     string            `json:"path,omitempty"`
	Host     string            `json:"host,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"` // that it gets; "*" stands for any value
	Without  []string          `json:"without,omitempty"` // that it must not get
	Timeout  string            `json:"timeout,omitempty"`
	Idle     string            `json:"idle,omitempty"`
	Retry    string            `json:"retry,omitempty"`
}

// Compare lists what is wrong with an answer of the model.
func (e Expectation) Compare(a semantic.Answer) []string {
	var d differences
	d.check("refused", e.Refused, a.Refused)
	d.check("status", e.Status, a.Status)
	d.check("lost weight", e.Lost, a.Lost)
	d.given("certificate", e.Certificate, a.Certificate)
	d.given("location", e.Location, a.Location)
	d.given("body", e.Body, a.Body)
	changes := a.Changes
	if len(e.From) == 1 && len(a.From) == 1 {
		changes = a.From[0].Response
	}
	d.headers("response", e.Headers, e.Without, changes)
	if d.check("number of backends", len(e.From), len(a.From)) {
		for _, s := range e.From {
			d.source(s, a.From)
		}
	}
	return d
}

type differences []string

func (d *differences) add(format string, args ...any) { *d = append(*d, fmt.Sprintf(format, args...)) }

func (d *differences) check(what string, want, got any) bool {
	if want != got {
		d.add("%s: want %v, got %v", what, want, got)
	}
	return want == got
}

func (d *differences) given(what, want, got string) {
	if want != "" {
		d.check(what, want, got)
	}
}

// source compares with the backend of that name.
func (d *differences) source(s Source, from []semantic.Upstream) {
	i := slices.IndexFunc(from, func(u semantic.Upstream) bool { return u.Service == s.Service })
	if i < 0 {
		d.add("backend %s is not among %v", s.Service, from)
		return
	}
	u := from[i]
	if s.Weight != 0 {
		d.check(s.Service+" weight", s.Weight, u.Weight)
	}
	d.given(s.Service+" protocol", s.Protocol, u.Protocol)
	d.given(s.Service+" sni", s.SNI, u.SNI)
	d.given(s.Service+" path", s.Path, u.Path)
	d.given(s.Service+" host", s.Host, u.Host)
	d.given(s.Service+" timeout", s.Timeout, u.Timeout)
	d.given(s.Service+" idle timeout", s.Idle, u.Idle)
	d.given(s.Service+" retry", s.Retry, u.Retry)
	d.given(s.Service+" verified names", strings.Join(s.Verified, " "), strings.Join(u.Verified, " "))
	d.headers(s.Service+" request", s.Headers, s.Without, u.Request)
}

func (d *differences) headers(what string, want map[string]string, without []string, got semantic.Changes) {
	for name, value := range want {
		is, ok := got.Set[strings.ToLower(name)]
		if !ok || value != "*" && value != is {
			d.add("%s header %s: want %q, got %q (set: %t)", what, name, value, is, ok)
		}
	}
	for _, name := range without {
		if !slices.Contains(got.Removed, strings.ToLower(name)) {
			d.add("%s header %s is not removed", what, name)
		}
	}
}
