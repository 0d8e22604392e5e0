package config

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"stile/seal"
)

const (
	masterKey = "master_key"
	// MasterKeyFile lies beside config.yaml unless master_key is set.
	MasterKeyFile = "master.key"
)

// ErrNoMasterKey says that neither master_key nor the file master.key exists.
// On an empty database [Config.MakeMasterKey] makes it; on any other one the
// key is lost or elsewhere.
var ErrNoMasterKey = errors.New("no master key")

// Ring reads the master keys: those of master_key, else those of the file
// master.key, one name:key a line. It fails with [ErrNoMasterKey] if there is
// neither, and refuses a file that everybody on the machine can read.
func (c *Config) Ring() (*seal.Ring, error) {
	if len(c.MasterKey) > 0 {
		r, err := ring(c.keyTexts())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.where(masterKey), err)
		}
		return r, nil
	}
	path := c.Path(MasterKeyFile)
	if err := refuseReadable(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s does not exist and master_key is not set: put it back, or begin a new installation with 'stile migrate'", ErrNoMasterKey, path)
		}
		return nil, err
	}
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	var texts []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			texts = append(texts, line)
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: holds no key: restore it from its copy, or remove the file if the database is empty", path)
	}
	r, err := ring(texts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (c *Config) keyTexts() []string {
	texts := make([]string, len(c.MasterKey))
	for i, k := range c.MasterKey {
		texts[i] = k.Reveal()
	}
	return texts
}

func ring(texts []string) (*seal.Ring, error) {
	keys := make([]seal.Key, len(texts))
	for i, text := range texts {
		k, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys[i] = k
	}
	return seal.NewRing(keys...)
}

// parseKey reads name:base64. Its errors never quote the key.
func parseKey(text string) (seal.Key, error) {
	name, encoded, ok := strings.Cut(text, ":")
	if !ok {
		return seal.Key{}, errors.New("write it as name:key, the key being 32 random bytes in base64 (openssl rand -base64 32)")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		raw, err = base64.RawURLEncoding.DecodeString(encoded)
	}
	if err != nil {
		return seal.Key{}, errors.New("what follows the name is not base64 (openssl rand -base64 32 makes a key)")
	}
	if len(raw) != seal.KeySize {
		return seal.Key{}, fmt.Errorf("holds %d bytes, needs %d (openssl rand -base64 32)", len(raw), seal.KeySize)
	}
	k := seal.Key{ID: name, Secret: [seal.KeySize]byte(raw)}
	counting := true
	for i, b := range k.Secret {
		counting = counting && b == k.Secret[0]+byte(i)
	}
	if counting {
		return seal.Key{}, errors.New("is an example: use 32 random bytes (openssl rand -base64 32)")
	}
	return k, nil
}

// MakeMasterKey writes a new key into master.key, readable by the owner alone,
// and returns its ring. It never overwrites: if another process was faster, that
// one's key is read. Call it only while the database is empty.
func (c *Config) MakeMasterKey() (*seal.Ring, error) {
	var secret [seal.KeySize]byte
	_, _ = rand.Read(secret[:]) // never fails, see crypto/rand
	var name [4]byte
	_, _ = rand.Read(name[:])
	text := fmt.Sprintf("# Seals the secrets in the database. Keep a copy in a safe place: without it the database is of no use.\nk%s:%s\n",
		hex.EncodeToString(name[:]), base64.StdEncoding.EncodeToString(secret[:]))
	path := c.Path(MasterKeyFile)
	if err := writeNew(path, []byte(text)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the master key: %w: make the folder writable, or set master_key", err)
	}
	return c.Ring()
}

// writeNew writes a file that does not exist yet. What a crash leaves half
// written is refused when it is read.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// refuseReadable fails if everybody on the machine can read the file.
func refuseReadable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("%s: everybody on this machine can read or change it (mode %04o): chmod 600 it, and replace the keys if others had access", path, info.Mode().Perm())
	}
	return nil
}
