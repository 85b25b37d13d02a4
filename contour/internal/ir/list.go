package ir

import "strconv"

// List is a list of strings as one comparable value: the strings in Go syntax, quoted, one after the other.
type List string

// NewList is the list of items, in that order.
func NewList(items ...string) List {
	var b []byte
	for _, item := range items {
		b = strconv.AppendQuote(b, item)
	}
	return List(b)
}

// Items is what the list was made of. Bytes that are not UTF-8 are kept.
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
