package validate

import (
	"fmt"
	"slices"
	"strconv"
)

// Limits of the subject names of a backend.
const maxSubjectNames, maxSubjectName = 8, 250

// SubjectNames returns the names of which the certificate of a backend must contain one, from the fields subjectName and
// subjectNames. If they cannot be used, message is a sentence about the field, with quoted values.
func SubjectNames(first string, all []string, quote func(string) string) (names []string, field, message string) {
	names = slices.Clone(all)
	if len(names) == 0 {
		names = []string{first}
	}
	switch {
	case first == "":
		return nil, "subjectName", "The subjectName is empty; a name is required."
	case len(names) > maxSubjectNames:
		return nil, "subjectNames", fmt.Sprintf("There are %d subject names; at most %d are allowed.", len(names), maxSubjectNames)
	case names[0] != first:
		return nil, "subjectNames[0]", fmt.Sprintf("The first name %s must be equal to subjectName %s.", quote(names[0]), quote(first))
	}
	for i, n := range names {
		if n == "" || len(n) > maxSubjectName || !IsText(n) {
			return nil, "subjectNames[" + strconv.Itoa(i) + "]",
				fmt.Sprintf("%s is not a subject name of 1 to %d bytes without control characters.", quote(n), maxSubjectName)
		}
	}
	return names, "", ""
}
