package main

import (
	"fmt"
	"math/rand"
	"time"

	"github.com/go-zookeeper/zk"
)

// How long a watcher looks for a change of which it was not told yet.
const watchPatience = 20 * time.Second

// ephemerals: nodes that live as long as their session, sessions closed and left alone.
func (l *load) ephemerals(c *client, rng *rand.Rand) {
	var session int64
	var mine []string
	for count := 0; l.goesOn(rng, slowly); count++ {
		if now := c.conn.SessionID(); now != session && now != 0 {
			if session != 0 {
				l.checkGone(c, session, mine)
			}
			session, mine = now, nil
		}
		switch dice := rng.Float64(); {
		case dice < 0.02:
			mine, session = nil, 0
			c = l.replace(c, rng.Float64() < 0.5)
		case dice < 0.20 || len(mine) == 0:
			key := fmt.Sprintf("%s/ephemeral/%s-%d", l.root, c.name, count)
			o := c.create(opEphemeral, key, "", zk.FlagEphemeral)
			if o.Fate == done && o.Session == session && session != 0 {
				mine = append(mine, o.Key)
			}
		default:
			l.checkThere(c, session, mine[rng.Intn(len(mine))])
		}
	}
}

// replace ends the session, in order or by letting it starve, and begins another.
func (l *load) replace(c *client, isClosed bool) *client {
	l.mu.Lock()
	for index, one := range l.clients {
		if one == c {
			l.clients = append(l.clients[:index], l.clients[index+1:]...)
			break
		}
	}
	l.mu.Unlock()
	if isClosed {
		c.conn.Close()
	} else {
		c.abandon()
	}
	return l.open(c.name[len(l.name):]+"+", l.servers)
}

// checkThere: a session sees its own as long as it lives.
func (l *load) checkThere(c *client, session int64, key string) {
	isThere, stat, err := c.conn.Exists(key)
	if err != nil || c.conn.SessionID() != session {
		return
	}
	if !isThere || stat.EphemeralOwner != session {
		c.bad("ephemerals", fmt.Sprintf("%s is gone, its session %#x lives", key, session))
	}
}

// checkGone: who was told that its session ended finds nothing of it behind a sync.
func (l *load) checkGone(c *client, session int64, keys []string) {
	for _, key := range keys {
		now := c.conn.SessionID()
		if _, err := c.conn.Sync(key); err != nil {
			return
		}
		isThere, stat, err := c.conn.Exists(key)
		if err != nil || c.conn.SessionID() != now {
			return
		}
		if isThere && stat.EphemeralOwner == session {
			c.bad("ended sessions",
				fmt.Sprintf("%s is there, its session %#x was said to be over", key, session))
		}
	}
}

// watches: a change is told before anything that shows it.
func (l *load) watches(c *client, rng *rand.Rand) {
	writer := l.open("w-writer", l.servers)
	key := l.root + "/watch/" + c.name
	for l.goesOn(rng) && writer.create(opAdd, key, "", 0).Why != "node already exists" {
	}
	for count := 0; l.goesOn(rng); count++ {
		session, connection := c.conn.SessionID(), c.connection()
		_, stat, told, err := c.conn.GetW(key)
		if err != nil || c.connection() != connection {
			continue
		}
		go writer.set(key, fmt.Sprintf("%s-%d", c.name, count), -1)
		if rng.Float64() < 0.1 {
			c.sever()
		}
		l.awaitChange(c, key, stat.Version, told, func() bool {
			return c.conn.SessionID() == session && c.connection() == connection
		}, rng)
	}
}

// awaitChange reads until it sees a newer version; on the connection that set the watch, the
// event has to be there by then.
func (l *load) awaitChange(c *client, key string, version int32, told <-chan zk.Event,
	isSame func() bool, rng *rand.Rand) {
	deadline := time.Now().Add(watchPatience)
	for time.Now().Before(deadline) && l.goesOn(rng) {
		_, stat, err := c.conn.Get(key)
		if !isSame() {
			return
		}
		if err != nil || stat.Version <= version {
			continue
		}
		select {
		case <-told:
		default:
			c.bad("watches", fmt.Sprintf("version %d of %s was read before its event came, %d was watched",
				stat.Version, key, version))
		}
		return
	}
}
