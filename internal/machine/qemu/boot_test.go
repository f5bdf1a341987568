package qemu

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/skep-dev/skep/internal/machine"
)

// A kernel boots whatever the initramfs's length: QEMU puts it at the end of
// memory, where some firmware has ACPI's tables, so one that fills its last page
// overwrites them.
func TestBootsWithAnyInitramfs(t *testing.T) {
	const page = 4096
	const patience = 2 * time.Minute // emulated, on a busy machine
	shelf := machine.Shelf{Dir: t.TempDir()}
	err := shelf.WithImage(kernels(t, "7")[0], func(image machine.Image) error {
		info, err := os.Stat(image.Initramfs)
		if err != nil {
			return err
		}
		whole := (info.Size() + page) / page * page
		if err := os.Truncate(image.Initramfs, whole+page-1); err != nil { // zeros end an archive
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		m, _, err := machine.Boot(ctx, newEngine(t), image)
		if err != nil {
			return err
		}
		return m.Close()
	})
	if err != nil {
		t.Error(err)
	}
}
