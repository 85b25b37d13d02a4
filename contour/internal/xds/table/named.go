package table

import (
	"bytes"
	"strings"
)

// Bounds of the search for names in Envoy's words: Envoy may quote a whole resource.
const (
	maxWords     = 64
	maxTextBytes = 64 << 10
)

// named is the index of the one suspect that Envoy's words name, -1 if they name none or
// several. It is a guess that a trial confirms, so it may be wrong.
func named(pieces []*piece, suspects []pieceID, words string) int {
	if len(words) > maxTextBytes {
		words = words[:maxTextBytes]
	}
	found := -1
	for i, id := range suspects {
		if !Names(words, id.name) {
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
	return quoting(pieces, suspects, words)
}

// quoting is the index of the only suspect in whose body one of the words stands; domains and
// header names are found that way. Rare words count most: each word that is in one suspect
// only is a vote, and the votes must agree.
func quoting(pieces []*piece, suspects []pieceID, words string) int {
	index := make(map[pieceID]int, len(suspects))
	for i, id := range suspects {
		index[id] = i
	}
	found := -1
	for _, word := range longWords(words) {
		only := onlyHolder(pieces, index, []byte(word))
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

func onlyHolder(pieces []*piece, index map[pieceID]int, word []byte) int {
	holder := -1
	for _, p := range pieces {
		i, suspect := index[p.pieceID]
		if !suspect || !bytes.Contains(p.body, word) {
			continue
		}
		if holder >= 0 {
			return -1
		}
		holder = i
	}
	return holder
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

// Names reports whether the text contains name as a word of its own, not as a part of a
// longer name.
func Names(text, name string) bool {
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
