package stile_test

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What the released program may weigh. Whoever needs more says why in the commit.
const (
	maxBytes   = 37 << 20 // WebAuthn brings 1.5 MB
	maxModules = 90
)

func TestProgramStaysSmallAndStatic(t *testing.T) {
	program := filepath.Join(t.TempDir(), "stile")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/stile")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB, %d modules", float64(file.Size())/1e6, len(info.Deps))
	if file.Size() > maxBytes || len(info.Deps) > maxModules {
		t.Errorf("%d bytes and %d modules, want at most %d and %d", file.Size(), len(info.Deps), maxBytes, maxModules)
	}
}
