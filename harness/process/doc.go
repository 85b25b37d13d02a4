// Package process runs child programs that do not outlive this process.
//
// It takes a Spec: program, arguments, log file. It returns a Process
// to wait for, signal, stop or kill. A child runs in a process group of its own,
// and the kernel kills it when this process dies for any reason. Its output
// is in a log file, the end of which is part of every error.
//
// The package does not depend on the program that runs. It needs Linux.
package process
