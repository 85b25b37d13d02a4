package semantic

import (
	"fmt"
	"slices"
	"strings"
)

// Expectation is the expected answer. The fields after Status are not compared if they are empty, except From and Lost:
// if From is empty, the answer must be a local reply of Envoy.
type Expectation struct {
	Refused     bool   `json:"refused,omitempty"`
	Status      int    `json:"status,omitempty"`
	GRPCStatus  string `json:"grpcStatus,omitempty"` // of a local reply to a gRPC request, whose status code is 200 instead of Status
	Certificate string `json:"certificate,omitempty"`
	Location    string `json:"location,omitempty"`
	Body        string `json:"body,omitempty"`
	// Headers are headers of the answer, of a backend or of Envoy; the value "*" stands for any value.
	Headers map[string]string `json:"headers,omitempty"`
	// Without are headers that a backend sends and the client must not receive.
	Without []string          `json:"without,omitempty"`
	From    []ExpectedBackend `json:"from,omitempty"`
	Lost    uint32            `json:"lost,omitempty"`
	// Mirrors are the backends that receive copies, in the order of the configuration.
	Mirrors []Mirror `json:"mirrors,omitempty"`
}

// ExpectedBackend is a backend that must be among those that may answer, and the expected request that it receives.
type ExpectedBackend struct {
	Service  string            `json:"service"`
	Weight   uint32            `json:"weight,omitempty"`
	Protocol string            `json:"protocol,omitempty"`
	SNI      string            `json:"sni,omitempty"`
	Verified []string          `json:"verified,omitempty"`
	Shows    string            `json:"shows,omitempty"` // the certificate of Envoy; always compared
	Path     string            `json:"path,omitempty"`
	Host     string            `json:"host,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"` // that it must receive; "*" stands for any value
	Without  []string          `json:"without,omitempty"` // that it must not receive
	Timeout  string            `json:"timeout,omitempty"`
	Idle     string            `json:"idle,omitempty"`
	Retry    string            `json:"retry,omitempty"`
	// Balancing, Hash, Session and Check are as in Upstream.
	Balancing string `json:"balancing,omitempty"`
	Hash      string `json:"hash,omitempty"`
	Session   string `json:"session,omitempty"` // always compared
	Check     string `json:"check,omitempty"`
}

// Compare returns the differences between an answer of the model and the expectation.
func (e Expectation) Compare(a Answer) []string {
	var d differences
	d.check("refused", e.Refused, a.Refused)
	d.check("status", e.Status, a.Status)
	d.check("lost weight", e.Lost, a.Lost)
	d.checkIfSet("grpc-status", e.GRPCStatus, a.GRPCStatus)
	d.checkIfSet("certificate", e.Certificate, a.Certificate)
	d.checkIfSet("location", e.Location, a.Location)
	d.checkIfSet("body", e.Body, a.Body)
	d.check("mirrors", fmt.Sprint(e.Mirrors), fmt.Sprint(a.Mirrors))
	changes := a.Changes
	if len(e.From) == 1 && len(a.From) == 1 {
		changes = a.From[0].Response
	}
	d.headers("response", e.Headers, e.Without, changes)
	if d.check("number of backends", len(e.From), len(a.From)) {
		for _, s := range e.From {
			d.backend(s, a.From)
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

func (d *differences) checkIfSet(what, want, got string) {
	if want != "" {
		d.check(what, want, got)
	}
}

// backend compares with the backend of that name.
func (d *differences) backend(s ExpectedBackend, from []Upstream) {
	i := slices.IndexFunc(from, func(u Upstream) bool { return u.Service == s.Service })
	if i < 0 {
		names := make([]string, 0, len(from))
		for _, u := range from {
			names = append(names, u.Service)
		}
		d.add("backend %s is not among %s", s.Service, strings.Join(names, ", "))
		return
	}
	u := from[i]
	if s.Weight != 0 {
		d.check(s.Service+" weight", s.Weight, u.Weight)
	}
	d.checkIfSet(s.Service+" protocol", s.Protocol, u.Protocol)
	d.checkIfSet(s.Service+" sni", s.SNI, u.SNI)
	d.checkIfSet(s.Service+" path", s.Path, u.Path)
	d.checkIfSet(s.Service+" host", s.Host, u.Host)
	d.checkIfSet(s.Service+" timeout", s.Timeout, u.Timeout)
	d.checkIfSet(s.Service+" idle timeout", s.Idle, u.Idle)
	d.checkIfSet(s.Service+" retry", s.Retry, u.Retry)
	d.checkIfSet(s.Service+" balancing", s.Balancing, u.Balancing)
	d.checkIfSet(s.Service+" hash", s.Hash, u.Hash)
	d.checkIfSet(s.Service+" health check", s.Check, u.Check)
	d.check(s.Service+" session", s.Session, u.Session)
	d.check(s.Service+" certificate of Envoy", s.Shows, u.Shows)
	d.checkIfSet(s.Service+" verified names", strings.Join(s.Verified, " "), strings.Join(u.Verified, " "))
	d.headers(s.Service+" request", s.Headers, s.Without, u.Request)
}

func (d *differences) headers(what string, want map[string]string, without []string, got Changes) {
	for name, value := range want {
		is, ok := got.Set[strings.ToLower(name)]
		if !ok || value != "*" && value != is {
			d.add("%s header %s: want %q, got %q (set: %t)", what, name, Masked(name, value), Masked(name, is), ok)
		}
	}
	for _, name := range without {
		if !slices.Contains(got.Removed, strings.ToLower(name)) {
			d.add("%s header %s is not removed", what, name)
		}
	}
}
