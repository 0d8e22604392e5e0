package server

import (
	"net"
	"net/netip"
	"sync"
)

// Bounds on connections. One network can't take them all; proxies and this
// machine speak for many and are bounded by the total alone.
const (
	maxConnections = 20_000
	maxPerNetwork  = 500
)

// doorkeeper is a listener that closes the connections that are too many, at
// once: waiting in the queue they would hold up everyone.
type doorkeeper struct {
	net.Listener
	trusted []netip.Prefix

	mu      sync.Mutex
	total   int
	byOwner map[netip.Prefix]int
}

func newDoorkeeper(l net.Listener, trusted []netip.Prefix) *doorkeeper {
	return &doorkeeper{Listener: l, trusted: trusted, byOwner: map[netip.Prefix]int{}}
}

// Accept returns the next connection that is let in.
func (d *doorkeeper) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		owner := d.owner(c.RemoteAddr())
		if d.enter(owner) {
			return &guest{Conn: c, leave: sync.OnceFunc(func() { d.left(owner) })}, nil
		}
		_ = c.Close()
	}
}

// owner returns the network that a connection counts for, or the zero value
// for one that may have as many as it likes.
func (d *doorkeeper) owner(a net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || ap.Addr().IsLoopback() {
		return netip.Prefix{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	for _, n := range d.trusted {
		if n.Contains(addr) {
			return netip.Prefix{}
		}
	}
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.Prefix(bits)
	return p
}

func (d *doorkeeper) enter(owner netip.Prefix) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.total >= maxConnections || owner.IsValid() && d.byOwner[owner] >= maxPerNetwork {
		return false
	}
	d.total++
	if owner.IsValid() {
		d.byOwner[owner]++
	}
	return true
}

func (d *doorkeeper) left(owner netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total--
	if !owner.IsValid() {
		return
	}
	if d.byOwner[owner]--; d.byOwner[owner] == 0 {
		delete(d.byOwner, owner)
	}
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	leave func()
}

// Close ends the connection and makes room for another.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}
