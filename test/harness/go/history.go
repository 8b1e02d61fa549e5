package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// What became of an operation.
const (
	done    = "ok"      // answered with success
	refused = "no"      // answered with a refusal that says why; nothing was done
	unknown = "unknown" // the connection was lost: done or not, now or later
	never   = "never"   // it was not sent to any server
)

// Names of operations. What is called Synced came behind a sync of the same session.
const (
	opCreate     = "create"
	opSet        = "set"
	opDelete     = "delete"
	opGet        = "get"
	opGetSynced  = "sget"
	opAdd        = "add"
	opListSynced = "slist"
	opNumber     = "number"
	opPair       = "pair"
	opEphemeral  = "ephemeral"
	opLive       = "live"
	opBad        = "bad"
)

// op is one operation of one client, or something that it found: a line of the history.
//
// Times are nanoseconds of the machine's monotonic clock, which all processes share.
type op struct {
	Client  string `json:"c"`
	Session int64  `json:"s,string,omitempty"` // 0: it changed meanwhile
	Name    string `json:"f"`
	Key     string `json:"k,omitempty"`
	Value   string `json:"v,omitempty"` // written or read
	Expect  int32  `json:"x"`           // version that the node must have; -1: any
	Call    int64  `json:"b"`
	Return  int64  `json:"e"`
	Fate    string `json:"r,omitempty"`
	Why     string `json:"why,omitempty"`
	Version int32  `json:"ver"`
	// Of the write itself, or of the last one that a read has seen.
	Zxid int64    `json:"z,omitempty"`
	List []string `json:"l,omitempty"`
}

func (o *op) isWrite() bool {
	switch o.Name {
	case opCreate, opSet, opDelete, opAdd, opNumber, opPair, opEphemeral:
		return true
	}
	return false
}

// node is what a tree held in the end.
type node struct {
	Value   string `json:"value"`
	Version int32  `json:"version"`
	Czxid   int64  `json:"czxid"`
	Mzxid   int64  `json:"mzxid"`
	Owner   int64  `json:"owner,string"`
}

// monotonicNs is CLOCK_MONOTONIC: the same for every process of the machine.
func monotonicNs() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// recorder writes a history, a line an operation, in the order in which they ended.
type recorder struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
}

func newRecorder(path string) (*recorder, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &recorder{file: file, out: bufio.NewWriterSize(file, 1<<16)}, nil
}

func (r *recorder) add(o *op) {
	line, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Write(line)
	r.out.WriteByte('\n')
}

func (r *recorder) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.out.Flush(); err != nil {
		return err
	}
	return r.file.Close()
}

// readHistory reads the files of several processes as one. The last line of a process that was
// killed may be half a line.
func readHistory(paths []string) ([]*op, error) {
	var ops []*op
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(make([]byte, 1<<16), 1<<26)
		for count := 1; lines.Scan(); count++ {
			o := &op{}
			if err := json.Unmarshal(lines.Bytes(), o); err != nil {
				if !lines.Scan() {
					break
				}
				return nil, fmt.Errorf("%s:%d: %w", path, count, err)
			}
			ops = append(ops, o)
		}
		file.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return ops, nil
}

// readNodes reads a tree; nil: nobody could read it, and nothing can be said of the end.
func readNodes(path string) (map[string]node, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var nodes map[string]node
	err = json.Unmarshal(text, &nodes)
	return nodes, err
}
