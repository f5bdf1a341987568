//go:build !amd64

package qemu

func hostTSCKHz() int { return 0 }
