// Command pause is the first process of every pod on our own node image: it holds
// the pod's namespaces, buries what ends there, and ends when it is asked to.
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

// bury waits for one child that has ended, and says whether there was one.
func bury() bool {
	pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	return pid > 0 && err == nil
}
