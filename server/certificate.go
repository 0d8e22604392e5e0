package server

import (
	"crypto/tls"
	"fmt"
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

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamp   time.Time // newest modification of the files that are loaded
	checked time.Time
}

func newCertificate(cert, key string, now func() time.Time) (*certificate, error) {
	c := &certificate{cert: cert, key: key, now: now}
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
		if stamp := c.modified(); stamp.After(c.stamp) {
			_ = c.load() // half written: the next look finds it whole
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
