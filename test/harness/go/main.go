// The load and the judge of the fault harness: see test/harness/main.ts.
//
//	harness load ROOT SERVERS NAME SEED HISTORY   works until told otherwise on its input
//	harness check [--strict] FINAL OUT HISTORY…   prints a verdict, as JSON
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const usage = "usage: harness load ROOT SERVERS NAME SEED HISTORY | check [--strict] FINAL OUT HISTORY…"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 6 && args[0] == "load":
		seed, err := strconv.ParseInt(args[4], 10, 64)
		if err != nil {
			return fmt.Errorf("SEED is %q: give a whole number", args[4])
		}
		return runLoad(args[1], strings.Split(args[2], ","), args[3], seed, args[5])
	case len(args) > 3 && args[0] == "check":
		rest := args[1:]
		isStrict := rest[0] == "--strict"
		if isStrict {
			rest = rest[1:]
		}
		return runCheck(isStrict, rest[0], rest[1], rest[2:])
	}
	return errors.New(usage)
}

func runCheck(isStrict bool, final, out string, histories []string) error {
	nodes, err := readNodes(final)
	if err != nil {
		return err
	}
	ops, err := readHistory(histories)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(judge(ops, isStrict, nodes, out))
}
