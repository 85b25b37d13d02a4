// Package memo remembers the results of pure functions together with what they
// read, so that after a change only the functions that read something changed
// run again, and a result equal to the former one stops there.
//
// An Engine owns tables. An Input holds values that come from outside. A Table
// derives its values by a function that reads other tables through the Reader it
// is given. An Index turns a table around: from something its values say to the
// keys that say it. Drive makes a Table hold a key for as long as an index has it,
// Hold for as long as a value of another table says it; all of them may come when
// there are values already. Attach saves the notes of reads
// that nearly always find nothing.
//
// The contract of a derivation: it is pure, it reads only through its Reader, and
// it may not change what it read. An Index over a Table is complete only once that
// table has been brought up to date, so it may be read only by tables made after
// the indexed one; tables are brought up to date in the order they were made.
//
// An Engine belongs to one goroutine. The package knows nothing of Kubernetes.
package memo
