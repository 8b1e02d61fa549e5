package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	// Registers are left for new ones, so that operations of unknown fate do not pile up in one.
	registerLifeNs   = 8_000_000_000
	registersAtATime = 3
	pauseMsMax       = 50
	// Pauses of those whose nodes stay.
	slowly = 6
)

// load is what the workers of one process share.
type load struct {
	root    string
	servers []string
	name    string
	rng     *rand.Rand
	rec     *recorder
	stop    chan struct{}
	workers sync.WaitGroup
	mu      sync.Mutex
	clients []*client
}

// runLoad works until a line `quiet` arrives, keeps its sessions until a line `close`, then ends.
func runLoad(root string, servers []string, name string, seed int64, history string) error {
	rec, err := newRecorder(history)
	if err != nil {
		return err
	}
	l := &load{root: root, servers: servers, name: name, rec: rec, stop: make(chan struct{})}
	l.rng = rand.New(rand.NewSource(seed))
	pin := func(index int) []string { return servers[index%len(servers) : index%len(servers)+1] }
	first := l.rng.Intn(len(servers))
	l.start("r0", pin(first), l.registers)
	l.start("r1", pin(first+1), l.registers)
	l.start("r2", servers, l.registers)
	l.start("r3", servers, l.registers)
	l.start("s0", servers, l.sets)
	l.start("n0", servers, l.numbers)
	l.start("e0", servers, l.ephemerals)
	l.start("e1", pin(first+2), l.ephemerals)
	l.start("w0", servers, l.watches)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "quiet":
			close(l.stop)
			l.workers.Wait()
			l.tellSessions()
			fmt.Println("quiet")
		case "close":
			l.closeAll()
			fmt.Println("closed")
			return rec.close()
		}
	}
	return rec.close()
}

func (l *load) start(name string, servers []string, work func(*client, *rand.Rand)) {
	c := l.open(name, servers)
	rng := rand.New(rand.NewSource(l.rng.Int63()))
	l.workers.Add(1)
	go func() {
		defer l.workers.Done()
		work(c, rng)
	}()
}

func (l *load) open(name string, servers []string) *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newClient(l.name+name, servers, l.rng.Int63(), l.rec)
	l.clients = append(l.clients, c)
	return c
}

// goesOn pauses for a moment, or for some; false: it is time to stop.
func (l *load) goesOn(rng *rand.Rand, pauses ...int) bool {
	factor := 1
	for _, count := range pauses {
		factor *= count
	}
	select {
	case <-l.stop:
		return false
	case <-time.After(time.Duration((rng.Intn(pauseMsMax)+1)*factor) * time.Millisecond):
		return true
	}
}

// tellSessions records which sessions live now, by a write of each: what is theirs has to be there.
func (l *load) tellSessions() {
	for _, c := range l.clients {
		o := c.create(opAdd, fmt.Sprintf("%s/set/live-%s", l.root, c.name), "", 0)
		if o.Fate == done && o.Session != 0 {
			l.rec.add(&op{Client: c.name, Session: o.Session, Name: opLive})
		}
	}
}

func (l *load) closeAll() {
	var closing sync.WaitGroup
	for _, c := range l.clients {
		closing.Add(1)
		go func() {
			defer closing.Done()
			c.conn.Close()
		}()
	}
	closing.Wait()
}

type known struct {
	exists  bool
	version int32
}

// registers: conditional and plain writes, makes and removals, reads synced and not.
func (l *load) registers(c *client, rng *rand.Rand) {
	view := map[string]known{}
	isMoving := len(l.servers) > 1 && strings.HasSuffix(c.name, "3")
	for count := 0; l.goesOn(rng); count++ {
		key := fmt.Sprintf("%s/r/%d-%d", l.root, monotonicNs()/registerLifeNs,
			rng.Intn(registersAtATime))
		value := fmt.Sprintf("%s-%d", c.name, count)
		seen := view[key]
		var o *op
		switch dice := rng.Float64(); {
		case !seen.exists && dice < 0.6:
			o = c.create(opCreate, key, value, 0)
		case dice < 0.35:
			o = c.get(key, true)
		case dice < 0.50:
			o = c.get(key, false)
		case dice < 0.85:
			o = c.set(key, value, seen.version)
		case dice < 0.93:
			o = c.set(key, value, -1)
		default:
			o = &op{Name: opDelete, Key: key, Expect: seen.version}
			c.do(o, func() error { return c.conn.Delete(key, o.Expect) })
		}
		view[key] = after(o, seen)
		if isMoving && rng.Float64() < 0.01 {
			c.sever()
		}
	}
}

// after is what a client takes a register for when it has had an answer.
func after(o *op, before known) known {
	switch {
	case o.Fate == done && o.Name == opDelete, o.Fate == refused && o.Why == "node does not exist":
		return known{}
	case o.Fate == done:
		return known{true, o.Version}
	case o.Fate == refused && o.Why == "node already exists":
		return known{true, 0}
	}
	return before
}

// sets: elements one by one and in pairs that belong together, and lists of them.
func (l *load) sets(c *client, rng *rand.Rand) {
	for count := 0; l.goesOn(rng, slowly); count++ {
		value := fmt.Sprintf("%s-%d", c.name, count)
		switch dice := rng.Float64(); {
		case dice < 0.10:
			o := &op{Name: opListSynced}
			session := c.conn.SessionID()
			c.do(o, func() error {
				if _, err := c.conn.Sync(l.root + "/set"); err != nil {
					return errUnsynced
				}
				names, _, err := c.conn.Children(l.root + "/set")
				if session != c.conn.SessionID() {
					return errUnsynced
				}
				o.List = names
				return err
			})
		case dice < 0.30:
			left, right := l.root+"/pair/"+value+"-left", l.root+"/pair/"+value+"-right"
			c.do(&op{Name: opPair, Key: left, Value: right}, func() error {
				_, err := c.conn.Multi(&zk.CreateRequest{Path: left, Acl: anyone},
					&zk.CreateRequest{Path: right, Acl: anyone})
				return err
			})
		default:
			c.create(opAdd, l.root+"/set/"+value, "", 0)
		}
	}
}

// numbers: nodes numbered by their parent.
func (l *load) numbers(c *client, rng *rand.Rand) {
	for count := 0; l.goesOn(rng, slowly); count++ {
		c.create(opNumber, l.root+"/number/n-", fmt.Sprintf("%s-%d", c.name, count),
			zk.FlagSequence)
	}
}
