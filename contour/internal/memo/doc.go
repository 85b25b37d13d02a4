// Package memo caches the results of pure functions together with what they read.
// After a change, only the functions that read a changed value run again, and a
// result equal to the former one causes no further runs.
//
// An Engine owns tables. An Input holds values that are set from outside. A Table
// derives its values with a function that reads other tables through a Reader. An
// Index maps each term, such as the name of a Service, to the keys of the values that
// contain it. A Table keeps the keys that are demanded: by Demand, or by DemandFrom (the
// keys that the values of another table contain). These work on tables that already have
// values. ReadAtOwnKey saves memory for reads that find nothing at most keys, ReadEverywhere for reads of nearly every
// key; a View is a part of the values of a Table, without entries, and NewShared an index of what several keys have in common.
//
// The contract of a derivation: it is pure, it reads only through its Reader, and it
// does not modify what it reads. Run updates tables in the order in which they were
// made. RunWhile bounds how long one change with many readers takes, where tables permit that (Options.DeferBy).
// An Index of a Table is complete only after that table is up to date;
// therefore only tables that were made after the indexed table read the Index.
//
// A panic of a function that a table, an index or Follow was made with is a Fault and affects
// only the key that it was called for; functions that order keys are exempt.
//
// An Engine belongs to one goroutine. The package does not depend on Kubernetes.
package memo
