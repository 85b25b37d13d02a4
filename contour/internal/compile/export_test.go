package compile

import (
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/kobj"
)

// Root is what a root contributes.
func (c *Compile) Root(k kobj.Key) contrib.Root {
	root, _ := c.roots.Peek(k)
	return root
}

// Missing calls f for what the derivation of a root looked up and did not find.
func (c *Compile) Missing(root kobj.Key, f func(input string, key any)) { c.roots.Missing(root, f) }

// Roots are the keys of all roots.
func (c *Compile) Roots() (keys []kobj.Key) {
	c.roots.Keys(func(k kobj.Key) bool { keys = append(keys, k); return true })
	return keys
}
