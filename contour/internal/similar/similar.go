// Package similar suggests a name for one that does not exist.
package similar

import "iter"

// Best returns the only one of the names that differs from name in the fewest letters, at most limit; "" if there is none, or if
// there are several.
func Best(name string, names iter.Seq[string], limit int) string {
	best, fewest := "", limit+1
	for n := range names {
		switch d := Distance(name, n); {
		case d < fewest:
			best, fewest = n, d
		case d == fewest && n != best:
			best = ""
		}
	}
	return best
}

// Distance returns how many letters have to be replaced, added or removed to make a into b (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
