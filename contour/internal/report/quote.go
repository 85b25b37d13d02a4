package report

import "strconv"

// maxQuoted is the maximum number of characters of a value in a message.
const maxQuoted = 64

// Quote returns a value for use in a message: in quotes, limited to 64 characters.
func Quote(value string) string { return strconv.Quote(Shorten(value, maxQuoted)) }

// Shorten limits a text to a number of characters; an ellipsis replaces the rest.
func Shorten(text string, characters int) string {
	n := 0
	for i := range text {
		if n == characters {
			return text[:i] + "…"
		}
		n++
	}
	return text
}
