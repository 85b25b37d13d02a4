// Package process runs child programs and never leaves one behind.
//
// In goes a Spec: program, arguments, where its output goes. Out comes a Process
// to wait for, signal, stop or kill. A child runs in a process group of its own,
// and the kernel kills it when this process dies, however that happens. All that it
// prints is in a log file, of which the end is part of every error.
//
// The package knows nothing of what it runs. It needs Linux.
package process
