// The study's workloads in Go. See benches/worlds/run.
//
// usage: go-bench LAUNCH SLICES MILLISECONDS
//
// Prints rows as CSV, without their head: so many slices of about so many milliseconds for each workload. What an
// iteration starts is joined within it, and every result is checked.
package main

import (
	"encoding/csv"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// A measure does so many iterations, checks what came out, and returns the time they took.
type measure func(iterations int) time.Duration

type workload struct {
	group, name string
	// How many operations one iteration has.
	operations int
	// Makes what the iterations need; stop takes it down.
	start func() (work measure, stop func())
}

var workloads = []workload{
	{"spawn_latency", "worker", 1, alone(spawnAwait)},
	{"gather_throughput", "ready_1000", 1_000, batch(1_000, ready)},
	{"gather_throughput", "ready_100000", 100_000, batch(100_000, ready)},
	{"yield_now", "tasks_200", 200 * 1_000, batch(200, yields(1_000))},
	{"ping_pong", "pairs_1000", 1_000, batch(1_000, pair)},
	{"tcp_echo", "conns_64", connections, startEcho},
}

const noFreshLoop = "Go's scheduler starts with the program, and no other one can be started"

func sumBelow(count int) int { return count * (count - 1) / 2 }

func check(found, expected int) {
	if found != expected {
		log.Fatalf("%d came out, not %d", found, expected)
	}
}

func alone(work measure) func() (measure, func()) {
	return func() (measure, func()) { return work, func() {} }
}

func spawnAwait(iterations int) time.Duration {
	start := time.Now()
	sum := 0
	for number := 0; number < iterations; number++ {
		answer := make(chan int, 1)
		go func(number int) { answer <- number }(number)
		sum += <-answer
	}
	took := time.Since(start)
	check(sum, sumBelow(iterations))
	return took
}

// Iterations are batches of goroutines, each of which gives back its number.
func batch(tasks int, task func(number int) int) func() (measure, func()) {
	return alone(func(iterations int) time.Duration {
		start := time.Now()
		for ; iterations > 0; iterations-- {
			check(gather(tasks, task), sumBelow(tasks))
		}
		return time.Since(start)
	})
}

func gather(tasks int, task func(number int) int) int {
	results := make([]int, tasks)
	var running sync.WaitGroup
	running.Add(tasks)
	for number := range results {
		go func(number int) {
			defer running.Done()
			results[number] = task(number)
		}(number)
	}
	running.Wait()
	sum := 0
	for _, result := range results {
		sum += result
	}
	return sum
}

func ready(number int) int { return number }

func yields(times int) func(number int) int {
	return func(number int) int {
		for i := 0; i < times; i++ {
			runtime.Gosched()
		}
		return number
	}
}

func pair(number int) int {
	pings, pongs := make(chan int, 1), make(chan int, 1)
	done := make(chan struct{})
	go func() {
		pongs <- <-pings + 1
		close(done)
	}()
	pings <- number
	answer := <-pongs - 1
	<-done
	return answer
}

// Nanoseconds per operation, over about length after a warm-up.
func measureSlice(w workload, length time.Duration) float64 {
	work, stop := w.start()
	defer stop()
	iterations := 1
	took := work(iterations)
	for took < length/4 {
		iterations *= 2
		took = work(iterations)
	}
	iterations = int(float64(length)*float64(iterations)/float64(took)) + 1
	took = work(iterations)
	return float64(took.Nanoseconds()) / float64(iterations*w.operations)
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("go-bench: ")
	if len(os.Args) != 4 {
		log.Fatal("usage: go-bench LAUNCH SLICES MILLISECONDS")
	}
	var arguments [3]int
	for i := range arguments {
		number, err := strconv.Atoi(os.Args[i+1])
		if err != nil {
			log.Fatal(err)
		}
		arguments[i] = number
	}
	launch, slices, length := arguments[0], arguments[1], time.Duration(arguments[2])*time.Millisecond
	threads := runtime.GOMAXPROCS(0)
	fmt.Fprintf(os.Stderr, "worlds: %s, GOMAXPROCS %d\n", runtime.Version(), threads)

	writer := csv.NewWriter(os.Stdout)
	row := func(group, name string, slice int, value, reason string) {
		err := writer.Write([]string{group, name, "go", strconv.Itoa(threads), strconv.Itoa(launch),
			strconv.Itoa(slice), "ns", value, "", "", reason})
		if err != nil {
			log.Fatal(err)
		}
	}
	row("fresh_loop", "empty", 0, "", noFreshLoop)
	for _, w := range workloads {
		for slice := 0; slice < slices; slice++ {
			value := strconv.FormatFloat(measureSlice(w, length), 'f', -1, 64)
			row(w.group, w.name, slice, value, "")
		}
	}
	writer.Flush()
	if err := writer.Error(); err != nil {
		log.Fatal(err)
	}
}
