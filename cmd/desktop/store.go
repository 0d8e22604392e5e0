package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zalando/go-keyring"
)

const service = "stile-desktop-sample"

// store keeps the refresh token of one issuer and client.
type store struct{ user string }

func newStore(issuer, clientID string) store {
	return store{user: issuer + " " + clientID}
}

// save keeps the token in the keyring or, where there is none, in a file with
// mode 0600, and says where.
func (s store) save(token string) (string, error) {
	if keyring.Set(service, s.user, token) == nil {
		return "the keyring", nil
	}
	path, err := s.path()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("the tokens can not be kept: %w", err)
	}
	// A new file is renamed over the old one: its mode is never wider, and it is never half written.
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the tokens can not be kept: %w", err)
	}
	if err := os.WriteFile(next, []byte(token), 0o600); err != nil {
		return "", fmt.Errorf("the tokens can not be kept: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return "", fmt.Errorf("the tokens can not be kept: %w", err)
	}
	return path, nil
}

func (s store) load() (string, error) {
	if token, err := keyring.Get(service, s.user); err == nil {
		return token, nil
	}
	path, err := s.path()
	if err != nil {
		return "", err
	}
	token, err := os.ReadFile(path)
	if err != nil {
		return "", errors.New("no tokens are kept: sign in once without --refresh")
	}
	return string(token), nil
}

func (s store) path() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place to keep the tokens: %w", err)
	}
	sum := sha256.Sum256([]byte(s.user))
	return filepath.Join(dir, service, hex.EncodeToString(sum[:8])), nil
}
