// Package settings reads what an operator writes: Contour's configuration file and the ContourConfiguration
// object, which have the same settings under different names.
//
// In go the text of a file, or an object; out comes a Document, and of a Document and a base a config.Config. Every key
// and field is in one table (keys), which says what it is called in either, what its default is, and whether the
// controller has the feature. A key that is not in the table is an error with file and line. A setting whose feature is
// missing is listed, never dropped; one that protects something is an error. The package reads no files and logs
// nothing.
package settings
