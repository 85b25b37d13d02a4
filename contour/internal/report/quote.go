package report

import "strconv"

// maxQuoted is how many characters of a value a message repeats.
const maxQuoted = 64

// Quote is a value of a user as messages repeat it: in quotes, with what follows the first 64 characters left out.
func Quote(value string) string { return strconv.Quote(Shorten(value, maxQuoted)) }

// Shorten is a text of at most so many characters, with an ellipsis in the place of what follows them.
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
