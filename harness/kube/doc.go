// Package kube contains what tests need of kubectl: apply, delete, read objects.
//
// It takes YAML text with any number of documents; objects of every kind that the
// API server serves are applied server-side (so applying again is no error).
// It returns unstructured objects. Discovery is repeated when a kind is unknown, so
// CustomResourceDefinitions may be installed at any time.
package kube
