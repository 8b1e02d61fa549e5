package main

import (
	"fmt"
	"sort"
	"strings"
)

// verdict is what a history says: figures, and violations by the name of their check.
type verdict struct {
	Ops     int `json:"ops"`
	Writes  int `json:"writes"`
	Synced  int `json:"synced"`
	Unknown int `json:"unknown"`
	Never   int `json:"never"`
	// Longest time in which no write was answered.
	LongestGapMs float64             `json:"longestGapMs"`
	Checks       map[string][]string `json:"checks"`
}

// judge holds a history against everything that a client may rely on. `isStrict`: synced reads are
// linearizable too. `final` is a tree read when nothing worked any more, the sessions still alive.
func judge(ops []*op, isStrict bool, final map[string]node, out string) verdict {
	v := verdict{Checks: map[string][]string{
		"registers":      checkRegisters(ops, isStrict, final, out),
		"synced reads":   nil,
		"write order":    checkWriteOrder(ops),
		"session order":  checkSessionOrder(ops),
		"sets":           checkSets(ops, isStrict, final),
		"numbers":        checkNumbers(ops, final),
		"ephemerals":     checkEphemerals(ops, final),
		"ended sessions": nil,
		"watches":        nil,
		"pipelines":      nil,
	}}
	if final == nil {
		// What the end would have shown is reported as a tree that could not be read.
		for _, check := range []string{"sets", "numbers", "ephemerals"} {
			v.Checks[check] = nil
		}
	}
	if isStrict {
		v.Checks["synced reads"] = checkFreshness(ops)
	}
	for _, o := range ops {
		if o.Name == opBad {
			v.Checks[o.Key] = append(v.Checks[o.Key], fmt.Sprintf("%s: %s", o.Client, o.Why))
		}
	}
	v.count(ops)
	return v
}

func (v *verdict) count(ops []*op) {
	var answers []int64
	for _, o := range ops {
		if o.Name == opBad || o.Name == opLive {
			continue
		}
		v.Ops++
		if o.Name == opGetSynced || o.Name == opListSynced {
			v.Synced++
		}
		switch {
		case o.Fate == unknown:
			v.Unknown++
		case o.Fate == never:
			v.Never++
		case o.isWrite():
			v.Writes++
			answers = append(answers, o.Return)
		}
	}
	sort.Slice(answers, func(a, b int) bool { return answers[a] < answers[b] })
	for index := 1; index < len(answers); index++ {
		v.LongestGapMs = max(v.LongestGapMs, float64(answers[index]-answers[index-1])/1e6)
	}
}

// checkWriteOrder: a write that was answered before another was sent comes before it, whatever
// nodes they change.
func checkWriteOrder(ops []*op) []string {
	var writes []*op
	for _, o := range ops {
		if o.isWrite() && o.Fate == done && o.Zxid != 0 {
			writes = append(writes, o)
		}
	}
	byCall := append([]*op(nil), writes...)
	sort.Slice(byCall, func(a, b int) bool { return byCall[a].Call < byCall[b].Call })
	sort.Slice(writes, func(a, b int) bool { return writes[a].Return < writes[b].Return })
	var found []string
	var latest *op
	answered := 0
	for _, o := range byCall {
		for ; answered < len(writes) && writes[answered].Return < o.Call; answered++ {
			if latest == nil || writes[answered].Zxid > latest.Zxid {
				latest = writes[answered]
			}
		}
		if latest != nil && latest.Zxid >= o.Zxid {
			found = append(found, fmt.Sprintf("%s came behind %s, which was answered before",
				describe(latest), describe(o)))
		}
	}
	return found
}

// checkSessionOrder: what a session has seen, by a read or by an answer to its own write, is not
// undone by what it reads later, of any node.
func checkSessionOrder(ops []*op) []string {
	writes := map[string][]int64{}
	sessions := map[int64][]*op{}
	for _, o := range ops {
		if o.Fate != done || o.Zxid == 0 {
			continue
		}
		if o.Name == opSet {
			writes[o.Key] = append(writes[o.Key], o.Zxid)
		}
		if o.Session != 0 {
			sessions[o.Session] = append(sessions[o.Session], o)
		}
	}
	for _, zxids := range writes {
		sort.Slice(zxids, func(a, b int) bool { return zxids[a] < zxids[b] })
	}
	var found []string
	for _, seen := range sessions {
		byReturn := append([]*op(nil), seen...)
		sort.Slice(seen, func(a, b int) bool { return seen[a].Call < seen[b].Call })
		sort.Slice(byReturn, func(a, b int) bool { return byReturn[a].Return < byReturn[b].Return })
		floor, answered := int64(0), 0
		for _, o := range seen {
			for ; answered < len(byReturn) && byReturn[answered].Return < o.Call; answered++ {
				floor = max(floor, byReturn[answered].Zxid)
			}
			if o.Name != opGet && o.Name != opGetSynced {
				continue
			}
			zxids := writes[o.Key]
			next := sort.Search(len(zxids), func(i int) bool { return zxids[i] > o.Zxid })
			if next < len(zxids) && zxids[next] <= floor {
				found = append(found, fmt.Sprintf("%s of %s does not show %#x, its session had seen %#x",
					describe(o), o.Key, zxids[next], floor))
			}
		}
	}
	return found
}

// checkSets: what was added is there, what was refused is not, pairs are whole.
func checkSets(ops []*op, isStrict bool, final map[string]node) []string {
	var found []string
	var adds, lists []*op
	fates := map[string]map[string]bool{}
	for _, o := range ops {
		switch o.Name {
		case opAdd:
			if fates[o.Key] == nil {
				fates[o.Key] = map[string]bool{}
			}
			fates[o.Key][o.Fate] = true
			adds = append(adds, o)
		case opPair:
			_, left := final[o.Key]
			_, right := final[o.Value]
			if left != right {
				found = append(found, o.Key+" is without its other half, or the other way round")
			} else if left != (o.Fate == done) && o.Fate != unknown {
				found = append(found, fmt.Sprintf("%s, a pair: %s, yet there: %v", o.Key, o.Fate, left))
			}
		case opListSynced:
			lists = append(lists, o)
		}
	}
	for _, key := range sortedKeys(fates) {
		_, isThere := final[key]
		if fates[key][done] && !isThere {
			found = append(found, key+" was added and is not there")
		}
		if isThere && !fates[key][done] && !fates[key][unknown] {
			found = append(found, key+" was not added and is there")
		}
	}
	return append(found, checkLists(adds, lists, isStrict)...)
}

// checkLists: a list shows what was added before its sync, and nothing that nobody has begun to add.
func checkLists(adds, lists []*op, isStrict bool) []string {
	var found []string
	for _, list := range lists {
		if list.Fate != done {
			continue
		}
		shown := map[string]bool{}
		for _, name := range list.List {
			shown[name] = true
		}
		for _, add := range adds {
			name := add.Key[strings.LastIndexByte(add.Key, '/')+1:]
			if !strings.Contains(add.Key, "/set/") {
				continue
			}
			if isStrict && add.Fate == done && add.Return < list.Call && !shown[name] {
				found = append(found, fmt.Sprintf("%s: a synced list lacks %s", list.Client, add.Key))
			}
			if add.Call < list.Return {
				delete(shown, name)
			}
		}
		for name := range shown {
			found = append(found, fmt.Sprintf("%s: a list shows %s, which nobody added",
				list.Client, name))
		}
	}
	return found
}

// checkNumbers: numbers are given once, grow, and stay.
func checkNumbers(ops []*op, final map[string]node) []string {
	var found []string
	var given []*op
	owners := map[string]*op{}
	begun := map[string]bool{}
	for _, o := range ops {
		if o.Name != opNumber || o.Fate == never {
			continue
		}
		begun[o.Value] = true
		if o.Fate != done {
			continue
		}
		given = append(given, o)
		if other := owners[o.Key]; other != nil {
			found = append(found, fmt.Sprintf("%s was given to %s and to %s", o.Key, other.Value, o.Value))
		}
		owners[o.Key] = o
		if held, isThere := final[o.Key]; !isThere || held.Value != o.Value {
			found = append(found, fmt.Sprintf("%s was given to %s and holds %q", o.Key, o.Value, held.Value))
		}
	}
	values := map[string]string{}
	for _, key := range sortedKeys(final) {
		if !strings.Contains(key, "/number/") {
			continue
		}
		value := final[key].Value
		if other := values[value]; other != "" || !begun[value] {
			found = append(found, fmt.Sprintf("%s holds %s, as does %q", key, value, other))
		}
		values[value] = key
	}
	byReturn := append([]*op(nil), given...)
	sort.Slice(given, func(a, b int) bool { return given[a].Call < given[b].Call })
	sort.Slice(byReturn, func(a, b int) bool { return byReturn[a].Return < byReturn[b].Return })
	latest, answered := "", 0
	for _, o := range given {
		for ; answered < len(byReturn) && byReturn[answered].Return < o.Call; answered++ {
			latest = max(latest, byReturn[answered].Key)
		}
		if o.Key <= latest {
			found = append(found, fmt.Sprintf("%s was given after %s", o.Key, latest))
		}
	}
	return found
}

// checkEphemerals: what a living session made and was told of is there, and is its own.
func checkEphemerals(ops []*op, final map[string]node) []string {
	live := map[int64]bool{}
	for _, o := range ops {
		if o.Name == opLive {
			live[o.Session] = true
		}
	}
	var found []string
	for _, o := range ops {
		if o.Name != opEphemeral || o.Fate != done || !live[o.Session] {
			continue
		}
		if held, isThere := final[o.Key]; !isThere || held.Owner != o.Session {
			found = append(found, fmt.Sprintf("%s of the living session %#x is gone", o.Key, o.Session))
		}
	}
	return found
}
