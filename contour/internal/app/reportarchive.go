package app

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"contour.example/contour/internal/semantic"
)

// archive is the files of a report.
type archive struct {
	to      *tar.Writer
	now     time.Time
	files   int
	size    int
	errors  []string
	failure error // of writing
}

// add adds a file, which is cut if it is too large.
func (a *archive) add(name string, text []byte) {
	if most := min(maxReportFile, maxReport-a.size); len(text) > most {
		a.errorf(name, fmt.Errorf("cut after %d of %d bytes", max(most, 0), len(text)))
		text = text[:max(most, 0)]
	}
	a.write(name, text)
}

func (a *archive) write(name string, text []byte) {
	a.size, a.files = a.size+len(text), a.files+1
	header := &tar.Header{Name: "contour-bug-report/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: a.now}
	err := a.to.WriteHeader(header)
	if err == nil {
		_, err = a.to.Write(text)
	}
	a.failure = cmp.Or(a.failure, err)
}

// document adds a file of JSON, or why there is none.
func (a *archive) document(name string, v any, err error) {
	if err != nil {
		a.errorf(name, err)
		return
	}
	var text bytes.Buffer
	if err := writeJSON(&text, v); err != nil {
		a.errorf(name, err)
		return
	}
	a.add(name, text.Bytes())
}

func (a *archive) errorf(name string, err error) {
	text := redacted(err.Error())
	a.errors = append(a.errors, name+": "+text[:min(len(text), maxReportError)])
}

// finish adds errors.txt.
func (a *archive) finish() {
	text := strings.Join(append(slices.Clone(a.errors), ""), "\n")
	a.write("errors.txt", []byte(text[:min(len(text), maxReportFile)]))
}

// Texts in logs and errors that are secrets, or may be.
var (
	privateKeyIn = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|\z)`)
	assignment   = regexp.MustCompile(`(?i)\b([\w.-]*(?:authorization|cookie|token|secret|passw(?:or)?d|api-?key|credential)[\w.-]*"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|[^\s",;&]+)`)
)

// redacted returns a text without credentials and private keys.
func redacted(text string) string {
	text = privateKeyIn.ReplaceAllString(text, "**** (private key)")
	text = semantic.MaskedText(text)
	return assignment.ReplaceAllString(text, "$1****")
}
