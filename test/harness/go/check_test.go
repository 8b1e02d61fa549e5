package main

import (
	"os"
	"testing"
)

// Goal: the judge sees what it is there to see, and nothing else.
// Method: small histories, each told once as it was and once with a lie in it.

// at makes an operation from one moment to another, answered with success.
func at(call, returned int64, o op) *op {
	o.Call, o.Return, o.Client = call, returned, "c"
	if o.Fate == "" {
		o.Fate = done
	}
	return &o
}

func lost(call int64, o op) *op {
	o.Fate = unknown
	return at(call, call+1, o)
}

func refusedWith(call, returned int64, why string, o op) *op {
	o.Fate, o.Why = refused, why
	return at(call, returned, o)
}

const key = "/x/r/1-0"

func created(call int64, value string) *op {
	return at(call, call+1, op{Name: opCreate, Key: key, Value: value})
}

func set(call int64, value string, version int32, zxid int64) *op {
	return at(call, call+1, op{Name: opSet, Key: key, Value: value, Expect: version - 1,
		Version: version, Zxid: zxid})
}

func read(call int64, value string, version int32, zxid int64) *op {
	return at(call, call+1, op{Name: opGetSynced, Key: key, Value: value, Version: version, Zxid: zxid})
}

func final(value string, version int32, zxid int64) map[string]node {
	return map[string]node{key: {Value: value, Version: version, Mzxid: zxid}}
}

// expect: each check that is named finds something, no other does.
func expect(t *testing.T, ops []*op, isStrict bool, nodes map[string]node, checks ...string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, check := range checks {
		wanted[check] = true
	}
	for check, found := range judge(ops, isStrict, nodes, t.TempDir()).Checks {
		if (len(found) > 0) != wanted[check] {
			t.Errorf("%s: found %q", check, found)
		}
	}
}

func TestATrueHistoryOfARegister(t *testing.T) {
	ops := []*op{created(1, "a"), set(10, "b", 1, 100), read(20, "b", 1, 100),
		refusedWith(30, 31, "version conflict", op{Name: opSet, Key: key, Expect: 0}),
		at(40, 41, op{Name: opDelete, Key: key, Expect: 1}),
		refusedWith(50, 51, "node does not exist", op{Name: opGetSynced, Key: key}),
		created(60, "c"), set(70, "d", 1, 101)}
	expect(t, ops, true, final("d", 1, 101))
}

func TestAStaleSyncedRead(t *testing.T) {
	ops := []*op{created(1, "a"), set(10, "b", 1, 100), set(20, "c", 2, 101), read(30, "b", 1, 100)}
	expect(t, ops, true, final("c", 2, 101), "registers", "synced reads")
	expect(t, ops, false, final("c", 2, 101))
}

func TestAnAnsweredWriteThatIsLost(t *testing.T) {
	ops := []*op{created(1, "a"), set(10, "b", 1, 100), set(20, "c", 2, 101)}
	expect(t, ops, false, final("b", 1, 100), "registers")
	expect(t, ops, false, map[string]node{}, "registers")
}

func TestAWriteOfUnknownFate(t *testing.T) {
	before := []*op{created(1, "a"), set(10, "b", 1, 100),
		lost(20, op{Name: opSet, Key: key, Value: "c", Expect: -1})}
	expect(t, before, true, final("b", 1, 100))
	expect(t, before, true, final("c", 2, 101))
	expect(t, before, true, final("c", 3, 101), "registers")
	late := append(before, read(30, "b", 1, 100), read(40, "c", 2, 101))
	expect(t, late, true, final("c", 2, 101))
	undone := append(before, read(30, "c", 2, 101), read(40, "b", 1, 100))
	expect(t, undone, true, final("c", 2, 101), "registers")
}

func TestAWriteThatWasNeverSent(t *testing.T) {
	ops := []*op{created(1, "a"), at(10, 11, op{Name: opSet, Key: key, Value: "b", Fate: never})}
	expect(t, ops, true, final("a", 0, 99))
	expect(t, ops, true, final("b", 1, 100), "registers")
}

func TestReadsThatSayNothingMoreAreLeftOut(t *testing.T) {
	long := func(call, returned int64, o *op) *op {
		o.Call, o.Return = call, returned
		return o
	}
	absent := func(call, returned int64) *op {
		return refusedWith(call, returned, "node does not exist", op{Name: opGetSynced, Key: key})
	}
	ops := []*op{absent(0, 9), absent(1, 2), absent(1, 5), absent(3, 4),
		created(10, "a"), set(20, "b", 1, 100),
		long(30, 60, read(0, "b", 1, 100)), long(31, 50, read(0, "b", 1, 100)),
		long(32, 61, read(0, "b", 1, 100)), long(33, 62, read(0, "b", 1, 100))}
	left := registersOf(ops, true, nil)[key]
	// Both inner absences, the create, the set, the first answered and the last asked.
	if len(left) != 6 {
		t.Errorf("%d of %d are left", len(left), len(ops))
	}
	expect(t, ops, true, final("b", 1, 100))
	stale := long(70, 71, read(0, "b", 1, 100))
	expect(t, append(ops, set(65, "c", 2, 101), stale), true, final("c", 2, 101),
		"registers", "synced reads")
	early := long(5, 6, read(0, "b", 1, 100))
	expect(t, append(ops, early), true, final("b", 1, 100), "registers")
	expect(t, append(ops, absent(40, 41)), true, final("b", 1, 100), "registers")
}

func TestTwoThatBothCompareAndSet(t *testing.T) {
	ops := []*op{created(1, "a"), set(10, "b", 1, 100), set(11, "c", 1, 101)}
	expect(t, ops, true, final("c", 1, 101), "registers")
}

func TestADefiniteRefusalThatIsWrong(t *testing.T) {
	ops := []*op{created(1, "a"),
		refusedWith(10, 11, "version conflict", op{Name: opSet, Key: key, Expect: 0})}
	expect(t, ops, true, final("a", 0, 99), "registers")
}

func TestAZxidThatDoesNotBelongToTheValue(t *testing.T) {
	ops := []*op{created(1, "a"), set(10, "b", 1, 100), read(20, "b", 1, 102)}
	expect(t, ops, true, final("b", 1, 100), "registers")
}

func TestWritesOfDifferentNodesOutOfOrder(t *testing.T) {
	first := at(1, 2, op{Name: opSet, Key: "/x/pipe/a", Zxid: 101, Version: 1})
	second := at(3, 4, op{Name: opSet, Key: "/x/pipe/b", Zxid: 100, Version: 1})
	expect(t, []*op{first, second}, true, map[string]node{}, "write order")
	second.Call = 1
	expect(t, []*op{first, second}, true, map[string]node{})
}

func TestASessionThatGoesBack(t *testing.T) {
	other := at(1, 2, op{Name: opSet, Key: "/x/pipe/a", Zxid: 100, Version: 2})
	own := at(3, 4, op{Name: opSet, Key: "/x/pipe/b", Session: 7, Zxid: 101, Version: 1})
	stale := at(5, 6, op{Name: opGet, Key: "/x/pipe/a", Session: 7, Zxid: 99, Version: 1})
	expect(t, []*op{other, own, stale}, true, map[string]node{}, "session order")
	stale.Session = 8
	expect(t, []*op{other, own, stale}, true, map[string]node{})
}

func TestSets(t *testing.T) {
	one := at(1, 2, op{Name: opAdd, Key: "/x/set/a"})
	nobody := at(1, 2, op{Name: opAdd, Key: "/x/set/b", Fate: never})
	whole := map[string]node{"/x/set/a": {}}
	expect(t, []*op{one, nobody}, true, whole)
	expect(t, []*op{one}, true, map[string]node{}, "sets")
	expect(t, []*op{one, nobody}, true, map[string]node{"/x/set/a": {}, "/x/set/b": {}}, "sets")
	late := at(3, 4, op{Name: opListSynced})
	expect(t, []*op{one, late}, true, whole, "sets")
	expect(t, []*op{one, late}, false, whole)
	late.List = []string{"a"}
	expect(t, []*op{one, late}, true, whole)
	late.List = []string{"a", "z"}
	expect(t, []*op{one, late}, false, whole, "sets")
}

func TestAPairThatIsTornApart(t *testing.T) {
	pair := lost(1, op{Name: opPair, Key: "/x/pair/l", Value: "/x/pair/r"})
	expect(t, []*op{pair}, true, map[string]node{})
	expect(t, []*op{pair}, true, map[string]node{"/x/pair/l": {}, "/x/pair/r": {}})
	expect(t, []*op{pair}, true, map[string]node{"/x/pair/l": {}}, "sets")
}

func TestNumbers(t *testing.T) {
	number := func(call int64, key, value string) *op {
		return at(call, call+1, op{Name: opNumber, Key: "/x/number/" + key, Value: value})
	}
	nodes := map[string]node{"/x/number/n1": {Value: "a"}, "/x/number/n2": {Value: "b"}}
	expect(t, []*op{number(1, "n1", "a"), number(3, "n2", "b")}, true, nodes)
	expect(t, []*op{number(3, "n1", "a"), number(1, "n2", "b")}, true, nodes, "numbers")
	expect(t, []*op{number(1, "n1", "a"), number(1, "n1", "b")}, true, nodes, "numbers")
	expect(t, []*op{number(1, "n1", "a"), number(3, "n3", "b")}, true, nodes, "numbers")
	nodes["/x/number/n3"] = node{Value: "b"}
	expect(t, []*op{number(1, "n1", "a"), number(3, "n2", "b")}, true, nodes, "numbers")
}

func TestEphemeralsOfALivingSession(t *testing.T) {
	made := at(1, 2, op{Name: opEphemeral, Key: "/x/ephemeral/a", Session: 7})
	alive := at(3, 3, op{Name: opLive, Session: 7})
	nodes := map[string]node{"/x/ephemeral/a": {Owner: 7}}
	expect(t, []*op{made, alive}, true, nodes)
	expect(t, []*op{made}, true, map[string]node{})
	expect(t, []*op{made, alive}, true, map[string]node{}, "ephemerals")
	nodes["/x/ephemeral/a"] = node{Owner: 8}
	expect(t, []*op{made, alive}, true, nodes, "ephemerals")
}

func TestWhatClientsSayThemselves(t *testing.T) {
	told := at(1, 2, op{Name: opBad, Key: "watches", Why: "late"})
	expect(t, []*op{told}, true, map[string]node{}, "watches")
}

func TestATreeThatNobodyCouldRead(t *testing.T) {
	path := t.TempDir() + "/final.json"
	if err := os.WriteFile(path, []byte("null"), 0o600); err != nil {
		t.Fatal(err)
	}
	nodes, err := readNodes(path)
	if err != nil {
		t.Fatal(err)
	}
	one := at(1, 2, op{Name: opAdd, Key: "/x/set/a"})
	expect(t, []*op{one, created(1, "a"), set(10, "b", 1, 100)}, true, nodes)
	expect(t, []*op{created(1, "a"), set(10, "b", 1, 100), read(20, "a", 0, 99)}, true, nodes,
		"registers", "synced reads")
}

func TestThePictureOfAViolation(t *testing.T) {
	out := t.TempDir()
	ops := []*op{created(1, "a"), set(10, "b", 1, 100)}
	if found := checkRegisters(ops, true, map[string]node{}, out); len(found) != 1 {
		t.Fatalf("found %q", found)
	}
	if _, err := os.Stat(out + "/x-r-1-0.html"); err != nil {
		t.Error(err)
	}
}

func TestHistoriesAreReadAsTheyWereWritten(t *testing.T) {
	path := t.TempDir() + "/c.history"
	rec, err := newRecorder(path)
	if err != nil {
		t.Fatal(err)
	}
	rec.add(&op{Client: "c", Session: -7, Name: opSet, Expect: -1, Zxid: 1 << 40, Call: 1, Return: 2})
	if err := rec.close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString(`{"c":"half of`)
	file.Close()
	ops, err := readHistory([]string{path})
	if err != nil || len(ops) != 1 || ops[0].Session != -7 || ops[0].Zxid != 1<<40 {
		t.Errorf("read %v, %v", ops, err)
	}
}
