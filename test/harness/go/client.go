package main

import (
	"errors"
	"math/rand"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	sessionTimeout = 8 * time.Second
	// A server that stands still is left after this long, also in the middle of a greeting, for
	// which the library would wait ten times as long.
	silenceMax = sessionTimeout * 2 / 3
)

var anyone = zk.WorldACL(zk.PermAll)

type quietLogger struct{}

func (quietLogger) Printf(string, ...interface{}) {}

// client is one session after the other of go-zookeeper, with its link within reach.
type client struct {
	name string
	conn *zk.Conn
	rng  *rand.Rand
	rec  *recorder

	mu     sync.Mutex
	link   net.Conn
	dials  int
	isDead bool
}

func newClient(name string, servers []string, seed int64, rec *recorder) *client {
	c := &client{name: name, rng: rand.New(rand.NewSource(seed)), rec: rec}
	conn, _, err := zk.Connect(servers, sessionTimeout, zk.WithDialer(c.dial),
		zk.WithLogger(quietLogger{}), zk.WithLogInfo(false))
	if err != nil {
		panic(err)
	}
	c.conn = conn
	return c
}

func (c *client) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	c.mu.Lock()
	isDead := c.isDead
	c.mu.Unlock()
	if isDead {
		return nil, errors.New("given up")
	}
	link, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = link
	c.dials++
	return &impatient{link}, nil
}

// sever cuts the connection; the client goes on with the next server.
func (c *client) sever() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.link.Close()
	}
}

// abandon leaves the session to its timeout, as a client that dies does.
func (c *client) abandon() {
	c.mu.Lock()
	c.isDead = true
	c.mu.Unlock()
	c.sever()
	go c.conn.Close()
}

// connection counts the connections so far.
func (c *client) connection() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dials
}

// do makes one operation and records it, unless it is a read that failed.
func (c *client) do(o *op, act func() error) *op {
	o.Client = c.name
	session := c.conn.SessionID()
	o.Call = monotonicNs()
	err := act()
	o.Return = monotonicNs()
	if c.conn.SessionID() == session {
		o.Session = session
	}
	o.Fate, o.Why = fateOf(err)
	if o.isWrite() || o.Fate == done || o.Fate == refused {
		c.rec.add(o)
	}
	return o
}

// bad records what must not be.
func (c *client) bad(check, what string) {
	c.rec.add(&op{Client: c.name, Name: opBad, Key: check, Why: what, Return: monotonicNs()})
}

func (c *client) get(key string, synced bool) *op {
	o := &op{Name: opGet, Key: key}
	if synced {
		o.Name = opGetSynced
	}
	session := c.conn.SessionID()
	return c.do(o, func() error {
		if synced {
			if _, err := c.conn.Sync(key); err != nil {
				return errUnsynced
			}
		}
		data, stat, err := c.conn.Get(key)
		if session != c.conn.SessionID() {
			// A new session knows nothing of the sync before it.
			o.Name = opGet
		}
		if err == nil {
			o.Value, o.Version, o.Zxid = string(data), stat.Version, stat.Mzxid
		}
		return err
	})
}

func (c *client) set(key, value string, expect int32) *op {
	o := &op{Name: opSet, Key: key, Value: value, Expect: expect}
	return c.do(o, func() error {
		stat, err := c.conn.Set(key, []byte(value), expect)
		if err == nil {
			o.Version, o.Zxid = stat.Version, stat.Mzxid
		}
		return err
	})
}

func (c *client) create(name, key, value string, flags int32) *op {
	o := &op{Name: name, Key: key, Value: value}
	return c.do(o, func() error {
		path, err := c.conn.Create(key, []byte(value), flags, anyone)
		if err == nil {
			o.Key = path
		}
		return err
	})
}

var errUnsynced = errors.New("the sync failed")

func fateOf(err error) (string, string) {
	switch err {
	case nil:
		return done, ""
	case zk.ErrNoNode, zk.ErrNodeExists, zk.ErrBadVersion:
		return refused, strings.TrimPrefix(err.Error(), "zk: ")
	case zk.ErrNoServer:
		return never, ""
	}
	return unknown, err.Error()
}

// impatient shortens deadlines.
type impatient struct{ net.Conn }

func (i *impatient) SetReadDeadline(at time.Time) error {
	if latest := time.Now().Add(silenceMax); at.After(latest) {
		at = latest
	}
	return i.Conn.SetReadDeadline(at)
}
