package preview

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/semantic"
)

// CheckKind is the kind of files of checks, and CheckVersion the version of their format.
const (
	CheckKind    = "RequestTest"
	CheckVersion = "cli.contour.example/v1"
)

// Check is a request and the answer that it must get.
type Check struct {
	Name string `json:"name,omitempty"` // for readers; the request if empty
	URL  string `json:"url,omitempty"`  // in place of host, path and tls
	semantic.Request
	Answer semantic.Expectation `json:"answer"`
	// File and Line are where the check is.
	File string `json:"-"`
	Line int    `json:"-"`
}

// Outcome is the result of a check.
type Outcome struct {
	Check
	// Differences are those of the answer from the expected one; none: the check has succeeded.
	Differences []string
	Verdict     string // the outcome of the request and its cause; "" if it is unknown
}

// ReadChecks reads a file of checks.
func ReadChecks(path string) ([]Check, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc struct {
		APIVersion string  `json:"apiVersion"`
		Kind       string  `json:"kind"`
		Requests   []Check `json:"requests"`
	}
	if err := yaml.UnmarshalStrict(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case doc.APIVersion != CheckVersion || doc.Kind != CheckKind:
		return nil, fmt.Errorf("%s: not a %s of %s", path, CheckKind, CheckVersion)
	case len(doc.Requests) == 0:
		return nil, fmt.Errorf("%s: there are no requests", path)
	}
	lines := linesOf(text, "requests")
	for i := range doc.Requests {
		c := &doc.Requests[i]
		c.File = path
		if i < len(lines) {
			c.Line = lines[i]
		}
		if err := c.complete(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, c.Line, err)
		}
	}
	return doc.Requests, nil
}

// linesOf returns the lines of the items of a list at the top of a document.
func linesOf(text []byte, list string) []int {
	var doc yamlv3.Node
	if yamlv3.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	var lines []int
	fields := doc.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i].Value == list {
			for _, item := range fields[i+1].Content {
				lines = append(lines, item.Line)
			}
		}
	}
	return lines
}

// complete replaces the URL by its parts.
func (c *Check) complete() error {
	if c.ClientCertificate != "" {
		return errors.New("clientCertificate: certificates of clients are not supported")
	}
	if c.URL == "" && c.Host == "" {
		return errors.New("a request has a url, or a host")
	}
	if c.URL == "" {
		return nil
	}
	if c.Host != "" || c.Path != "" || c.TLS {
		return errors.New("a request with a url has neither host, path nor tls")
	}
	r, err := RequestTo(c.URL)
	if err != nil {
		return err
	}
	c.Host, c.Path, c.TLS = r.Host, r.Path, r.TLS
	if c.SNI == "" {
		c.SNI = r.SNI
	}
	return nil
}

// RequestTo returns the GET request to a URL as curl sends it: the server name of TLS is the host of the URL, and none for an address.
func RequestTo(address string) (Request, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return Request{}, fmt.Errorf("URL: %w", withoutURL(err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return Request{}, fmt.Errorf("%q is no URL of http or https, such as http://www.example.com/", MaskedURL(address))
	}
	r := Request{Host: u.Host, Path: u.EscapedPath(), TLS: u.Scheme == "https", Headers: map[string]string{}}
	if r.Path == "" {
		r.Path = "/"
	}
	if u.RawQuery != "" {
		r.Path += "?" + u.RawQuery
	}
	if r.TLS {
		if r.SNI = strings.ToLower(u.Hostname()); net.ParseIP(r.SNI) != nil {
			r.SNI = "-"
		}
	}
	return r, nil
}

// withoutURL returns the cause of an error of the parser, whose text has the URL and what it may contain of secrets.
func withoutURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Title is the name of the check, or its request.
func (c *Check) Title() string {
	if c.Name != "" {
		return c.Name
	}
	text := "http"
	if c.TLS {
		text += "s"
	}
	text += "://" + c.Host + MaskedURL(c.Path)
	if c.Method != "" {
		text = c.Method + " " + text
	}
	return text
}

// Run sends the request of a check to the model of Envoy, at a time at which tokens are verified. A request whose answer is unknown does not succeed.
func (p *Preview) Run(c Check, now time.Time) Outcome {
	out := Outcome{Check: c}
	c.Now = now
	r := c.Request
	answer, _, err := p.answer(&r)
	if err != nil {
		out.Differences = []string{"cannot tell: " + err.Error()}
		return out
	}
	for i := range answer.From { // Services may be given without the name of their port
		u := &answer.From[i]
		for _, want := range c.Answer.From {
			if strings.HasPrefix(u.Service, want.Service+"/") {
				u.Service = want.Service
			}
		}
	}
	out.Differences = c.Answer.Compare(answer)
	if x, err := p.Explain(c.Request); err == nil {
		out.Verdict = x.Verdict
	}
	return out
}
