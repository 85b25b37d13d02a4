// Package charts tests charts/ and pins the helm that packages them.
package charts
