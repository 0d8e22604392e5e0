package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkEvery is how often the files of the certificate are looked at.
const checkEvery = 10 * time.Second

// certificate is read again when its files change, so that a renewed one needs
// no restart. While the new files can't be read the old one serves.
type certificate struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamp   time.Time // newest modification of the files when they were loaded
	checked time.Time
}

func newCertificate(cert, key string, now func() time.Time, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, now: now, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return c, nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= checkEvery {
		c.checked = now
		if stamp := c.modified(); !stamp.Equal(c.stamp) { // a file put back may be older
			if err := c.load(); err != nil { // half written: the next look finds it whole
				c.log.Warn("the certificate on disk can not be used; the one before goes on", "error", err)
			}
		}
	}
	return c.loaded, nil
}

func (c *certificate) load() error {
	stamp := c.modified()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.loaded, c.stamp, c.checked = &pair, stamp, c.now()
	return nil
}

func (c *certificate) modified() time.Time {
	var newest time.Time
	for _, name := range []string{c.cert, c.key} {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}
