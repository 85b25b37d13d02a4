package ir

import "strconv"

// List is a list of strings as one comparable value: the concatenation of the quoted strings in Go syntax.
type List string

// NewList returns the list of the items, in that order.
func NewList(items ...string) List {
	var b []byte
	for _, item := range items {
		b = strconv.AppendQuote(b, item)
	}
	return List(b)
}

// Items returns the items of the list. Bytes that are not UTF-8 are preserved.
func (l List) Items() []string {
	var items []string
	for rest := string(l); rest != ""; {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return items
		}
		item, _ := strconv.Unquote(quoted) // a quoted prefix is a quoted string
		items, rest = append(items, item), rest[len(quoted):]
	}
	return items
}
