//go:build linux

package attach

func usdt(r Request) ([]Attached, error) {
	return nil, cannot(r, "USDT probes are not supported by the loader; SEC(\"uprobe/FILE:FUNCTION\") attaches to a function")
}
