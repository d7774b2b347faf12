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

// A lock: who holds it, under which token.
type lock struct {
	holder string // Empty: free.
	token  uint64 // Of the holder, if it is known; 0: any above newest.
	newest uint64 // No token up to here will be granted again.
}

// The lock once the holder's token turns out to be what text says.
func (l lock) told(text string) (lock, bool) {
	token, err := strconv.ParseUint(text, 10, 64)
	if err != nil || (l.token != 0 && token != l.token) || (l.token == 0 && token <= l.newest) {
		return l, false
	}
	l.token, l.newest = token, token
	return l, true
}

func (l lock) freed() lock {
	if l.token == 0 {
		l.newest++ // The least that the untold token can have been.
	}
	return lock{newest: l.newest}
}

func stepLock(state, input, _ any) []any {
	l, op := state.(lock), input.(operation)
	switch op.Call {
	case "acquire":
		if l.holder == "" {
			l.holder, l.token = op.Arguments[0], 0
		}
		if l.holder != op.Arguments[0] {
			if op.may("no") {
				return []any{l}
			}
			return nil
		}
		if op.Result == nil {
			return []any{l}
		}
		if known, ok := l.told(*op.Result); ok {
			return []any{known}
		}
	case "release":
		var states []any
		known, ok := l.told(op.Arguments[1])
		held := l.holder != "" && l.holder == op.Arguments[0] && ok
		if held && op.may("true") {
			states = append(states, known.freed())
		}
		if (!held || l.token == 0) && op.may("false") {
			states = append(states, l)
		}
		return states
	case "end":
		if l.holder == op.Arguments[0] {
			return []any{l.freed()}
		}
		return []any{l}
	case "get":
		if op.Result == nil {
			return []any{l}
		}
		if l.holder == "" {
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
