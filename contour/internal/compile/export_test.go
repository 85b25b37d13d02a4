package compile

import (
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/kobj"
)

// Root returns the result for a root.
func (c *Compile) Root(k kobj.Key) contrib.Root {
	root, _ := c.roots.Peek(k)
	return root
}

// Missing calls f for each key that the derivation of a root read and that has no value.
func (c *Compile) Missing(root kobj.Key, f func(input string, key any)) { c.roots.Missing(root, f) }

// Roots returns the keys of all roots.
func (c *Compile) Roots() (keys []kobj.Key) {
	c.roots.Keys(func(k kobj.Key) bool { keys = append(keys, k); return true })
	return keys
}
