package quarantine

import (
	"bytes"
	"iter"
	"strings"
)

// Bounds of the search for names in an error detail: Envoy may quote a whole resource.
const (
	maxWords       = 64
	maxDetailBytes = 64 << 10
)

// mentioned is the index of the one suspect that the error detail mentions, -1 if it mentions none or several. It may
// be wrong: the answer to the version without that suspect decides.
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

// quoted is the index of the only suspect whose content the error detail quotes, such as a domain or the name of a
// header. Each word of the detail that is in the content of one suspect only counts, and all must agree.
func quoted(pieces iter.Seq[*Piece], suspects []ID, detail string) int {
	index := make(map[ID]int, len(suspects))
	for i, id := range suspects {
		index[id] = i
	}
	found := -1
	for _, word := range longWords(detail) {
		only := onlyWith(pieces, index, []byte(word))
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

// onlyWith is the index of the only suspect whose content has the word, -1 if there is none or more than one.
func onlyWith(pieces iter.Seq[*Piece], index map[ID]int, word []byte) int {
	only := -1
	for p := range pieces {
		i, suspect := index[p.ID]
		if !suspect || !bytes.Contains(p.Content, word) {
			continue
		}
		if only >= 0 {
			return -1
		}
		only = i
	}
	return only
}

func longWords(text string) []string {
	fields := strings.FieldsFunc(text, func(r rune) bool { return !isNameByte(r) })
	if len(fields) > maxWords {
		return nil
	}
	var long []string
	for _, f := range fields {
		if f = strings.Trim(f, ".:-"); len(f) > 2 {
			long = append(long, f)
		}
	}
	return long
}

// Mentions reports whether a text contains a name as a word of its own, not as a part of a longer name.
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
		if !joins(text[:start], true) && !joins(text[end:], false) {
			return true
		}
		at = start + 1
	}
}

// joins reports whether the text goes on with a name at its end (or its beginning). A dot,
// colon or dash goes on only if a name follows it: it may be the end of a sentence.
func joins(text string, atEnd bool) bool {
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
