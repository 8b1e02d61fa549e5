package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// How long the checker may think about one register.
const registerPatience = 30 * time.Second

// register is a node as the operations on it define it.
type register struct {
	exists  bool
	value   string
	version int32
	// Of the last write, when isExact; else at least that.
	zxid    int64
	isExact bool
}

// registerModel: versions, refusals and zxids have to fit one order.
var registerModel = porcupine.Model{
	Init: func() interface{} { return register{} },
	Step: func(state, input, _ interface{}) (bool, interface{}) {
		isPossible, next := step(state.(register), input.(*op))
		return isPossible, next
	},
	DescribeOperation: func(input, _ interface{}) string { return describe(input.(*op)) },
	DescribeState: func(state interface{}) string {
		r := state.(register)
		if !r.exists {
			return "none"
		}
		return fmt.Sprintf("%s version %d", r.value, r.version)
	},
}

func step(r register, o *op) (bool, register) {
	switch o.Fate {
	case unknown:
		// What is not possible here was refused, and the refusal was lost.
		return true, effect(r, o)
	case refused:
		return o.Why == refusal(r, o), r
	}
	switch o.Name {
	case opGet, opGetSynced:
		if !r.exists || r.value != o.Value || r.version != o.Version {
			return false, r
		}
		if o.Zxid < r.zxid || r.isExact && o.Zxid != r.zxid {
			return false, r
		}
		r.zxid, r.isExact = o.Zxid, true
		return true, r
	case opSet:
		next := effect(r, o)
		isPossible := refusal(r, o) == "" && o.Version == next.version && o.Zxid > r.zxid
		next.zxid, next.isExact = o.Zxid, true
		return isPossible, next
	}
	return refusal(r, o) == "", effect(r, o)
}

// refusal is why an operation cannot be done now; empty when it can.
func refusal(r register, o *op) string {
	switch {
	case o.Name == opCreate && r.exists:
		return "node already exists"
	case o.Name != opCreate && !r.exists:
		return "node does not exist"
	case (o.Name == opSet || o.Name == opDelete) && o.Expect != -1 && o.Expect != r.version:
		return "version conflict"
	}
	return ""
}

// effect is what an operation makes of a register whatever its answer was.
func effect(r register, o *op) register {
	if refusal(r, o) != "" {
		return r
	}
	switch o.Name {
	case opCreate:
		return register{exists: true, value: o.Value, zxid: r.zxid}
	case opDelete:
		return register{zxid: r.zxid}
	case opSet:
		return register{exists: true, value: o.Value, version: r.version + 1, zxid: r.zxid}
	}
	return r
}

func describe(o *op) string {
	answer := o.Fate
	if o.Fate == refused {
		answer = o.Why
	} else if o.Fate == done {
		answer = fmt.Sprintf("%s version %d zxid %#x", o.Value, o.Version, o.Zxid)
	}
	return fmt.Sprintf("%s %s(%s, %d) -> %s", o.Client, o.Name, o.Value, o.Expect, answer)
}

// checkRegisters asks porcupine about each register; what it cannot order is drawn into `out`.
func checkRegisters(ops []*op, isStrict bool, final map[string]node, out string) []string {
	var found []string
	histories := registersOf(ops, isStrict, final)
	for _, key := range sortedKeys(histories) {
		history := histories[key]
		switch porcupine.CheckOperationsTimeout(registerModel, history, registerPatience) {
		case porcupine.Illegal:
			found = append(found, key+": no order explains it, see "+draw(history, out, key))
		case porcupine.Unknown:
			found = append(found, fmt.Sprintf("%s: undecided after %v", key, registerPatience))
		}
	}
	return found
}

// checkFreshness: a synced read shows every write that was answered before it was sent. Porcupine
// says so too; this one also says which, and is never undecided.
func checkFreshness(ops []*op) []string {
	writes := map[string][]*op{}
	for _, o := range ops {
		if o.Name == opSet && o.Fate == done {
			writes[o.Key] = append(writes[o.Key], o)
		}
	}
	for _, some := range writes {
		sort.Slice(some, func(a, b int) bool { return some[a].Return < some[b].Return })
		for index := 1; index < len(some); index++ {
			// The latest write of those answered so far stands for all of them.
			if some[index-1].Zxid > some[index].Zxid {
				latest := *some[index-1]
				latest.Return = some[index].Return
				some[index] = &latest
			}
		}
	}
	var found []string
	for _, o := range ops {
		if o.Name != opGetSynced || o.Fate != done {
			continue
		}
		some := writes[o.Key]
		answered := sort.Search(len(some), func(i int) bool { return some[i].Return >= o.Call })
		if answered > 0 && some[answered-1].Zxid > o.Zxid {
			found = append(found, fmt.Sprintf("%s of %s: before it was sent %s was answered",
				describe(o), o.Key, describe(some[answered-1])))
		}
	}
	return found
}

// registersOf is the history of each register, with what was there in the end.
func registersOf(ops []*op, isStrict bool, final map[string]node) map[string][]porcupine.Operation {
	histories := map[string][]porcupine.Operation{}
	clients := map[string]int{}
	last := int64(0)
	for _, o := range ops {
		last = max(last, o.Return)
		if !strings.Contains(o.Key, "/r/") || o.Fate == never {
			continue
		}
		if o.Name == opGet || o.Name == opGetSynced && !isStrict {
			continue
		}
		if _, isKnown := clients[o.Client]; !isKnown {
			clients[o.Client] = len(clients)
		}
		returned := o.Return
		if o.Fate == unknown {
			returned = math.MaxInt64
		}
		histories[o.Key] = append(histories[o.Key], porcupine.Operation{
			ClientId: clients[o.Client], Input: o, Call: o.Call, Output: o, Return: returned})
	}
	for key, history := range histories {
		histories[key] = withoutImplied(history)
	}
	if final == nil {
		return histories
	}
	for key := range histories {
		o := &op{Client: "end", Name: opGet, Key: key, Fate: refused, Why: "node does not exist"}
		if held, isThere := final[key]; isThere {
			o.Fate, o.Why = done, ""
			o.Value, o.Version, o.Zxid = held.Value, held.Version, held.Mzxid
		}
		histories[key] = append(histories[key], porcupine.Operation{ClientId: len(clients),
			Input: o, Call: last + 1, Output: o, Return: last + 2})
	}
	return histories
}

// withoutImplied leaves out reads that cannot be wrong when others are right, so that many reads at
// a time do not cost the checker more than a few. A value with its zxid was there for one stretch of
// time: of the reads that saw it, the first answered and the last asked say all. Of absences, a read
// around another says nothing more.
func withoutImplied(history []porcupine.Operation) []porcupine.Operation {
	first, last := map[int64]int{}, map[int64]int{}
	var absent []int
	kept := map[int]bool{}
	for index, one := range history {
		o := one.Input.(*op)
		switch {
		case o.Name != opGetSynced:
			kept[index] = true
		case o.Fate == refused:
			absent = append(absent, index)
		default:
			seen, isThere := first[o.Zxid]
			if !isThere || one.Return < history[seen].Return {
				first[o.Zxid] = index
			}
			seen, isThere = last[o.Zxid]
			if !isThere || one.Call > history[seen].Call {
				last[o.Zxid] = index
			}
			// Two values of one zxid are a violation of their own.
			if other := history[first[o.Zxid]].Input.(*op); other.Value != o.Value ||
				other.Version != o.Version {
				kept[index] = true
			}
		}
	}
	for zxid := range first {
		kept[first[zxid]], kept[last[zxid]] = true, true
	}
	sort.Slice(absent, func(a, b int) bool { return history[absent[a]].Call > history[absent[b]].Call })
	innermost := int64(math.MaxInt64)
	for _, index := range absent {
		if history[index].Return < innermost {
			innermost = history[index].Return
			kept[index] = true
		}
	}
	var left []porcupine.Operation
	for index, one := range history {
		if kept[index] {
			left = append(left, one)
		}
	}
	return left
}

func draw(history []porcupine.Operation, out, key string) string {
	_, info := porcupine.CheckOperationsVerbose(registerModel, history, registerPatience)
	path := filepath.Join(out, strings.ReplaceAll(strings.Trim(key, "/"), "/", "-")+".html")
	file, err := os.Create(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if err := porcupine.Visualize(registerModel, info, file); err != nil {
		return err.Error()
	}
	return path
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
