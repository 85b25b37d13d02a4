// Package docker finds the container engine of this machine, or installs and starts one.
//
// In goes a directory for an engine of our own; out comes an Engine that answers.
// A running engine is used as it is. Without one, root on Debian gets Docker from
// Debian's packages, started with all its files below the directory; everything
// else is an error that says what to do. What was installed or started is said aloud.
//
// An engine that was started outlives this process, so that a cluster can: Stop ends
// it, also from another process, and nothing else is ever stopped.
package docker
