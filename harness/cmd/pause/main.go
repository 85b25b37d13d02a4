// Command pause is the first process of every pod on our own node image: it keeps
// the pod's namespaces open, reaps processes that exit, and exits on a signal.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for bury() {
			continue
		}
	}
}

// bury reaps one child that has exited, and reports whether there was one.
func bury() bool {
	pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	return pid > 0 && err == nil
}
