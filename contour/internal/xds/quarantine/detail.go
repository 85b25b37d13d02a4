package quarantine

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds in bytes of what is kept of error details: of those of rejected versions, in which names are looked up while a search
// runs, and of those that others read.
const (
	maxVersionDetail = 4 << 10
	maxExcerpt       = 512
)

// quoteMarks begin what Envoy quotes of a message that contains private data: keys and passwords are in fields of these
// names, or PEM.
func quoteMarks() []string {
	return []string{"inline_bytes", "inline_string", "inlineBytes", "inlineString", "private_key", "privateKey", "-----BEGIN"}
}

// Excerpt returns the beginning of an error detail as statuses, logs and other replicas have it: one line of valid UTF-8
// without control characters, of at most 512 bytes, that ends before anything that may be quoted from a Secret. The
// client wrote it: it may say anything. It does not keep the rest of a longer text in memory.
func Excerpt(detail string) string {
	out := detail[:min(len(detail), maxVersionDetail)]
	for _, mark := range quoteMarks() {
		if i := strings.Index(out, mark); i >= 0 {
			out = out[:i] + "(not quoted)"
		}
	}
	return Printable(out, maxExcerpt)
}

// Printable returns the beginning of a text that a client wrote, in at most n bytes: one line of valid UTF-8 without control
// characters.
func Printable(text string, n int) string {
	text = strings.ToValidUTF8(text[:min(len(text), 4*n)], "\uFFFD")
	text = strings.Join(strings.Fields(strings.Map(printable, text)), " ")
	return strings.Clone(truncate(text, n))
}

// printable replaces control and format characters, such as those that reverse the direction of a text, by spaces.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// truncate returns the beginning of a text in at most n bytes, and no part of a character.
func truncate(text string, n int) string {
	const more = " ..."
	if len(text) <= n {
		return text
	}
	n -= len(more)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.TrimRight(text[:n], " ") + more
}

// Shorten cuts the error detail of the version that was rejected last: names have been looked up in it.
func (s *State) Shorten() {
	if detail := s.versions[s.long]; len(detail) > maxVersionDetail {
		s.versions[s.long] = strings.Clone(detail[:maxVersionDetail])
	}
	if s.search != nil {
		s.search.detail = Excerpt(s.search.detail)
	}
	s.long = ""
}
