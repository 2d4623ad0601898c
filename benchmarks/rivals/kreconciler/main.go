// The operator that drives kreconciler: `driver SCENARIO COUNT`. It prints one line of JSON, as every operator here.
//
// kreconciler has neither a server to watch nor objects: a stream of ids, its workers' queues, and a function.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/koyeb/kreconciler"
)

const rounds = 100

func main() {
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	scenarios := map[string]func(int) map[string]any{"no_op": noOp, "storm": storm}
	line, err := json.Marshal(scenarios[os.Args[1]](count))
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// noOp calls for every id, again and again; each time it waits until all have been handled.
func noOp(count int) map[string]any {
	var calls atomic.Int64
	finished := make(chan float64, 1)
	reconcile := func(context.Context, string) kreconciler.Result {
		calls.Add(1)
		return kreconciler.Result{}
	}
	stream := func(ctx context.Context, handler kreconciler.EventHandler) error {
		ids := identifiers(count)
		began := cpuSeconds()
		for round := 1; round <= rounds; round++ {
			for _, id := range ids {
				for handler.Call(ctx, id) != nil { // its queue is full
					runtime.Gosched()
				}
			}
			for calls.Load() < int64(round*count) {
				time.Sleep(50 * time.Microsecond)
			}
		}
		finished <- cpuSeconds() - began
		<-ctx.Done()
		return nil
	}
	stop := run(reconcile, stream)
	defer stop()
	return map[string]any{"per_second": float64(rounds*count) / <-finished}
}

// storm lets all fail for ten seconds, then none, and waits for all to succeed; half a minute at the longest.
func storm(count int) map[string]any {
	heals := time.Now().Add(10 * time.Second)
	var mutex sync.Mutex
	var last time.Time
	green := map[string]bool{}
	calls := 0
	reconcile := func(_ context.Context, id string) kreconciler.Result {
		mutex.Lock()
		defer mutex.Unlock()
		calls++
		if time.Now().Before(heals) {
			return kreconciler.Result{Error: errors.New("not yet")}
		}
		if !green[id] {
			green[id], last = true, time.Now()
		}
		return kreconciler.Result{}
	}
	stream := func(ctx context.Context, handler kreconciler.EventHandler) error {
		for _, id := range identifiers(count) {
			if err := handler.Call(ctx, id); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}
	stop := run(reconcile, stream)
	defer stop()
	result := map[string]any{"green_after": nil}
	for time.Now().Before(heals.Add(30 * time.Second)) {
		time.Sleep(50 * time.Millisecond)
		mutex.Lock()
		result["calls"] = calls
		if len(green) == count {
			result["green_after"] = last.Sub(heals).Seconds()
			mutex.Unlock()
			break
		}
		mutex.Unlock()
	}
	return result
}

func run(reconcile kreconciler.ReconcilerFunc, stream kreconciler.EventStreamFunc) context.CancelFunc {
	ctx, stop := context.WithCancel(context.Background())
	config := kreconciler.DefaultConfig()
	config.LeaderElectionEnabled = false
	go func() {
		if err := kreconciler.New(config, reconcile, map[string]kreconciler.EventStream{"ids": stream}).Run(ctx); err != nil {
			panic(err)
		}
	}()
	return stop
}

func identifiers(count int) []string {
	ids := make([]string, count)
	for number := range ids {
		ids[number] = fmt.Sprintf("n%d", number)
	}
	return ids
}

// cpuSeconds is what this process has taken of all cores.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
