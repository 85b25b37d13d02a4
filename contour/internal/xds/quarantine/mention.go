package quarantine

import (
	"bytes"
	"iter"
	"strings"
)

// Bounds of the search for names in an error detail: Envoy may quote a whole resource.
const (
	maxTokens      = 64
	maxDetailBytes = 64 << 10
)

// mentioned returns the index of the only suspect that the error detail mentions, -1 if it mentions none or several. The
// result may be wrong: the answer to the version without that suspect decides.
func mentioned(pieces iter.Seq[*Piece], suspects []ID, detail string) int {
	detail = detail[:min(len(detail), maxDetailBytes)]
	found := -1
	for i, id := range suspects {
		if !Mentions(detail, id.Name) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	if found >= 0 {
		return found
	}
	return quoted(pieces, suspects, detail)
}

// quoted returns the index of the only suspect whose content the error detail quotes, such as a domain or the name of a
// header, else -1. It considers each token of the detail that is in the content of exactly one suspect; all must be in the
// same one.
func quoted(pieces iter.Seq[*Piece], suspects []ID, detail string) int {
	index := make(map[ID]int, len(suspects))
	for i, id := range suspects {
		index[id] = i
	}
	found := -1
	for _, token := range tokens(detail) {
		only := onlyWith(pieces, index, []byte(token))
		if only < 0 || only == found {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = only
	}
	return found
}

// onlyWith returns the index of the only suspect whose content contains the token, -1 if there is none or more than one.
func onlyWith(pieces iter.Seq[*Piece], index map[ID]int, token []byte) int {
	only := -1
	for p := range pieces {
		i, suspect := index[p.ID]
		if !suspect || !bytes.Contains(p.Content, token) {
			continue
		}
		if only >= 0 {
			return -1
		}
		only = i
	}
	return only
}

// tokens returns the parts of the text that may be names, nil if there are more than maxTokens.
func tokens(text string) []string {
	fields := strings.FieldsFunc(text, func(r rune) bool { return !isNameByte(r) })
	if len(fields) > maxTokens {
		return nil
	}
	var out []string
	for _, f := range fields {
		if f = strings.Trim(f, ".:-"); len(f) > 2 {
			out = append(out, f)
		}
	}
	return out
}

// Mentions reports whether a text contains a name, not as a part of a longer name.
func Mentions(text, name string) bool {
	if name == "" {
		return false
	}
	for at := 0; ; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(name)
		if !continues(text[:start], true) && !continues(text[end:], false) {
			return true
		}
		at = start + 1
	}
}

// continues reports whether the end (or the beginning) of the text continues a name. A dot, colon or dash continues it only
// if a name follows: it may be the end of a sentence.
func continues(text string, atEnd bool) bool {
	if atEnd {
		return text != "" && isNameByte(rune(text[len(text)-1]))
	}
	rest := strings.TrimLeft(text, ".:-,")
	if len(rest) < len(text) {
		return rest != "" && isNameByte(rune(rest[0]))
	}
	return text != "" && isNameByte(rune(text[0]))
}

func isNameByte(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/:*", r)
}
