// Package settings reads the configuration of the operator: Contour's configuration file and the ContourConfiguration
// object, which have the same settings under different names.
//
// The input is the text of a file or an object, the output a Document, which Apply combines with a base to a
// config.Config. One table (keys) contains every key and field with its names in file and object, its default, and
// whether the controller has the feature. A key that is not in the table is an error with file and line. A setting whose feature is
// missing is reported; one that protects something is an error. The package reads no files and logs
// nothing.
package settings
