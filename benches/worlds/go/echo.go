package main

import (
	"encoding/binary"
	"io"
	"log"
	"net"
	"sync"
	"time"
)

const (
	connections  = 64
	messageBytes = 64
)

// Starts an echo server, and connects to it. Iterations are messages, one over each connection.
func startEcho() (measure, func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	var serving sync.WaitGroup
	clients := make([]net.Conn, connections)
	for i := range clients {
		clients[i], err = net.Dial("tcp", listener.Addr().String())
		must(err)
		server, err := listener.Accept()
		must(err)
		serving.Add(1)
		go func() {
			defer serving.Done()
			echo(server)
		}()
	}
	work := func(iterations int) time.Duration {
		start := time.Now()
		answers := gather(connections, func(number int) int {
			return ask(clients[number], number, iterations)
		})
		took := time.Since(start)
		check(answers, connections*iterations)
		return took
	}
	stop := func() {
		for _, client := range clients {
			must(client.Close())
		}
		serving.Wait()
		must(listener.Close())
	}
	return work, stop
}

// Sends back what comes in.
func echo(connection net.Conn) {
	message := make([]byte, messageBytes)
	for {
		read, err := connection.Read(message)
		if err == io.EOF {
			must(connection.Close())
			return
		}
		must(err)
		_, err = connection.Write(message[:read])
		must(err)
	}
}

// Sends messages, each when the one before has come back, and counts them.
func ask(connection net.Conn, number, messages int) int {
	var message, answer [messageBytes]byte
	answers := 0
	for ; answers < messages; answers++ {
		binary.LittleEndian.PutUint64(message[:], uint64(answers)<<8+uint64(number))
		_, err := connection.Write(message[:])
		must(err)
		_, err = io.ReadFull(connection, answer[:])
		must(err)
		if answer != message {
			log.Fatalf("%v came back, not %v", answer, message)
		}
	}
	return answers
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
