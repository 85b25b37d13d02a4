// Package docker finds the container engine of this machine, or installs and starts one.
//
// It takes a directory for an engine of our own and returns an Engine that answers.
// A running engine is used as it is. Without one, root on Debian gets Docker from
// Debian's packages, started with all its files below the directory; in all other
// cases it returns an error with the remedy. What is installed or started is logged.
//
// An engine that was started outlives this process, so that a cluster can: Stop ends
// it, also from another process, and nothing else is ever stopped.
package docker
