// Package kube is what tests need of kubectl: apply, delete, read objects.
//
// In goes YAML text with any number of documents; objects of every kind that the
// API server serves are applied server-side (so applying again is no error).
// Out come unstructured objects. Kinds are looked up again when one is unknown, so
// CustomResourceDefinitions may be installed at any time.
package kube
