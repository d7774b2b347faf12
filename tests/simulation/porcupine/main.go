// Judges exported histories with porcupine, a checker that others wrote, and compares.
//
//	go run . DIRECTORY
//
// reads every <model>-<verdict>-<anything>.json of the directory (history.h says what is in them;
// model: register or lock, as in linearizability.h; verdict: good or bad) and exits with 1 if
// porcupine judges one of them otherwise.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

type operation struct {
	Client    int
	Key       string
	Call      string
	Arguments []string
	Result    *string // nil: unknown.
	Invoked   int64
	Returned  *int64
}

// Whether the operation may have had the result.
func (o operation) may(result string) bool { return o.Result == nil || *o.Result == result }

const none = "none"

func stepRegister(state, input, _ any) []any {
	value, op := state.(string), input.(operation)
	after, result := value, value
	switch op.Call {
	case "put":
		after, result = op.Arguments[0], "ok"
	case "delete":
		after, result = none, strconv.FormatBool(value != none)
	case "cas":
		result = strconv.FormatBool(value == op.Arguments[0])
		if value == op.Arguments[0] {
			after = op.Arguments[1]
		}
	case "get":
	default:
		return nil
	}
	if op.may(result) {
		return []any{after}
	}
	return nil
}

// A lock: who holds it and who waits, and under which token.
type lock struct {
	// The holder, then those who wait, as "session/call" with a space behind each; empty: free.
	places string
	untold bool   // Nobody was told the holder's token: it is any above newest.
	newest uint64 // No token up to here will be granted again.
}

func (l lock) list() []string { return strings.Fields(l.places) }

func (l lock) heldBy(session string) bool { return strings.HasPrefix(l.places, session+"/") }

// The lock once the holder's token turns out to be what text says.
func (l lock) told(text string) (lock, bool) {
	token, err := strconv.ParseUint(text, 10, 64)
	if err != nil || (!l.untold && token != l.newest) || (l.untold && token <= l.newest) {
		return l, false
	}
	l.untold, l.newest = false, token
	return l, true
}

// The next one holds.
func (l lock) passedOn() lock {
	if l.untold {
		l.newest++ // The least that the untold token can have been.
	}
	_, l.places, _ = strings.Cut(l.places, " ")
	l.untold = l.places != ""
	return l
}

// Without what leaves: a session with all that it has, or one waiting call of it.
func (l lock) without(session, call string) lock {
	var left string
	passes := false
	for i, place := range l.list() {
		all := call == "" && strings.HasPrefix(place, session+"/")
		switch {
		case i == 0 && all:
			passes = true
			left += place + " "
		case i > 0 && (all || place == session+"/"+call):
		default:
			left += place + " "
		}
	}
	l.places = left
	if passes {
		return l.passedOn()
	}
	return l
}

func acquire(l lock, op operation) []any {
	session, call, refusal := op.Arguments[0], "0", "no"
	if op.Call == "enter" {
		call, refusal = op.Arguments[1], "waits"
	}
	if l.places == "" {
		l.places, l.untold = session+"/"+call+" ", true
	}
	if l.heldBy(session) {
		if op.Result == nil {
			return []any{l}
		}
		if known, ok := l.told(*op.Result); ok {
			return []any{known}
		}
		return nil
	}
	if !op.may(refusal) {
		return nil
	}
	if op.Call == "enter" {
		l.places += session + "/" + call + " "
	}
	return []any{l}
}

func release(l lock, op operation) []any {
	var states []any
	known, ok := l.told(op.Arguments[1])
	held := l.heldBy(op.Arguments[0]) && ok
	if held && op.may("true") {
		states = append(states, known.passedOn())
	}
	if (!held || l.untold) && op.may("false") {
		states = append(states, l)
	}
	return states
}

func look(l lock, op operation) []any {
	if op.Result == nil {
		return []any{l}
	}
	for i, place := range l.list() {
		if place != op.Arguments[0]+"/"+op.Arguments[1] {
			continue
		}
		if i > 0 {
			if *op.Result == "waits" {
				return []any{l}
			}
			return nil
		}
		if known, ok := l.told(*op.Result); ok {
			return []any{known}
		}
		return nil
	}
	if *op.Result == "over" {
		return []any{l}
	}
	return nil
}

func stepLock(state, input, _ any) []any {
	l, op := state.(lock), input.(operation)
	switch op.Call {
	case "acquire", "enter":
		return acquire(l, op)
	case "release":
		return release(l, op)
	case "look":
		return look(l, op)
	case "leave":
		return []any{l.without(op.Arguments[0], op.Arguments[1])}
	case "end":
		return []any{l.without(op.Arguments[0], "")}
	case "get":
		if op.Result == nil {
			return []any{l}
		}
		if l.places == "" {
			if *op.Result == "free" {
				return []any{l}
			}
		} else if known, ok := l.told(*op.Result); ok {
			return []any{known}
		}
	}
	return nil
}

var models = map[string]porcupine.NondeterministicModel{
	"register": {Init: func() []any { return []any{none} }, Step: stepRegister},
	"lock":     {Init: func() []any { return []any{lock{}} }, Step: stepLock},
}

// Judges one file.  An operation with an unknown result may take effect last, where nobody sees it.
func judge(path string, model porcupine.Model) (bool, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	var operations []operation
	if err := json.Unmarshal(bytes, &operations); err != nil {
		return false, err
	}
	byKey := map[string][]porcupine.Operation{}
	for i, op := range operations {
		end := int64(1) << 60
		if op.Returned != nil {
			end = *op.Returned
		}
		byKey[op.Key] = append(byKey[op.Key],
			porcupine.Operation{ClientId: i, Input: op, Call: op.Invoked, Output: op.Result, Return: end})
	}
	for _, history := range byKey {
		if !porcupine.CheckOperations(model, history) {
			return false, nil
		}
	}
	return true, nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: porcupine DIRECTORY")
		os.Exit(2)
	}
	paths, _ := filepath.Glob(filepath.Join(os.Args[1], "*.json"))
	counts, differ := map[string]int{}, 0
	for _, path := range paths {
		parts := strings.SplitN(filepath.Base(path), "-", 3)
		model, known := models[parts[0]]
		if !known || len(parts) < 3 || (parts[1] != "good" && parts[1] != "bad") {
			fmt.Fprintln(os.Stderr, "what is this?", path)
			os.Exit(2)
		}
		good, err := judge(path, model.ToModel())
		if err != nil {
			fmt.Fprintln(os.Stderr, path, err)
			os.Exit(2)
		}
		counts[parts[0]+" "+parts[1]]++
		if good != (parts[1] == "good") {
			differ++
			fmt.Println("porcupine judges otherwise:", path)
		}
	}
	fmt.Printf("%d histories (%v), %d judged otherwise\n", len(paths), counts, differ)
	if differ > 0 || len(paths) == 0 {
		os.Exit(1)
	}
}
