package config

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stile/seal"
)

const goodKey = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJE="

func TestO04_MasterKeyThatIsRefused(t *testing.T) {
	zero := base64.StdEncoding.EncodeToString(make([]byte, 32))
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(i)
	}
	for name, c := range map[string]struct{ key, want string }{
		"good":         {"a:" + goodKey, ""},
		"base64url":    {"a:" + strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(goodKey), ""},
		"all zero":     {"a:" + zero, "one byte repeated"},
		"example":      {"a:" + base64.StdEncoding.EncodeToString(counting), "example"},
		"short":        {"a:AAEC", "holds 3 bytes, needs 32"},
		"no name":      {goodKey, "name:key"},
		"empty name":   {":" + goodKey, "letters, digits"},
		"not base64":   {"a:hunter2 hunter2", "not base64"},
		"nothing":      {"", "name:key"},
		"name with .":  {"a.b:" + goodKey, "letters, digits"},
		"sixteen byte": {"a:" + base64.StdEncoding.EncodeToString(make([]byte, 16)), "holds 16 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Default()
			cfg.MasterKey = []seal.Secret{seal.Secret(c.key)}
			err := cfg.Validate()
			if _, ringErr := cfg.Ring(); (ringErr == nil) != (err == nil) {
				t.Errorf("Validate says %v, Ring %v", err, ringErr)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), goodKey)) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	twice := Default()
	twice.MasterKey = []seal.Secret{"a:" + goodKey, "a:" + goodKey}
	if err := twice.Validate(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v", err)
	}
}

func TestO04_MasterKeyFile(t *testing.T) {
	c := Default()
	c.Dir = t.TempDir()
	if _, err := c.Ring(); !errors.Is(err, ErrNoMasterKey) {
		t.Fatalf("got %v, want ErrNoMasterKey", err)
	}
	first, err := c.MakeMasterKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.Dir, MasterKeyFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	sealed := first.Seal(seal.PurposeRoot, "x", []byte("plain"))
	for name, again := range map[string]func() (*seal.Ring, error){"read": c.Ring, "made a second time": c.MakeMasterKey} {
		ring, err := again()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := ring.Open(seal.PurposeRoot, "x", sealed); err != nil {
			t.Errorf("%s: another key: %v", name, err)
		}
	}
	for mode, ok := range map[os.FileMode]bool{0o604: false, 0o602: false, 0o640: true, 0o400: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := c.Ring()
		if ok != (err == nil) || !ok && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestO04_MasterKeyFileThatIsEmptyOrBroken(t *testing.T) {
	for text, want := range map[string]string{"": "holds no key", "# only a comment\n": "holds no key", "a:" + goodKey[:20] + "\n": "key 1: "} {
		c := Default()
		c.Dir = filepath.Dir(write(t, MasterKeyFile, text))
		if _, err := c.Ring(); err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrNoMasterKey) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestO04_MasterKeyInAReadableFile(t *testing.T) {
	key := write(t, "key", "a:"+goodKey+"\n")
	if _, _, err := Load(write(t, "config.yaml", ""), []string{"STILE_MASTER_KEY_FILE=" + key}); err != nil {
		t.Fatal(err)
	}
	config := write(t, "config.yaml", "master_key: ['a:"+goodKey+"']\n")
	if _, _, err := Load(config, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{key, config} {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, load := range map[string]func() error{
		"variable": func() error {
			_, _, err := Load(write(t, "config.yaml", ""), []string{"STILE_MASTER_KEY_FILE=" + key})
			return err
		},
		"config.yaml": func() error { _, _, err := Load(config, nil); return err },
	} {
		if err := load(); err == nil || !strings.Contains(err.Error(), "everybody on this machine") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMakeMasterKeyInAFolderThatCannotBeWritten(t *testing.T) {
	c := Default()
	c.Dir = filepath.Join(t.TempDir(), "absent")
	if _, err := c.MakeMasterKey(); err == nil || !strings.Contains(err.Error(), "make the folder writable, or set master_key") {
		t.Errorf("got %v", err)
	}
}

func TestMakeMasterKeyAtOnce(t *testing.T) {
	c := Default()
	c.Dir = t.TempDir()
	var wg sync.WaitGroup
	sealed := make([]string, 8)
	for i := range sealed {
		wg.Go(func() {
			if r, err := c.MakeMasterKey(); err == nil {
				sealed[i] = r.Seal(seal.PurposeRoot, "x", nil)
			}
		})
	}
	wg.Wait()
	r, err := c.Ring()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sealed {
		if s == "" {
			continue // met the file while it was being written, and said so
		}
		if _, err := r.Open(seal.PurposeRoot, "x", s); err != nil {
			t.Errorf("two keys: %v", err)
		}
	}
}
