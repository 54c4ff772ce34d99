// The program of the node's smallest image: the pause container of every pod, and a server and a client for tests.
//
//	pod                   waits for SIGTERM or SIGINT, as a pause container does
//	pod serve PORT        answers every HTTP request with "here"
//	pod get URL SECONDS   prints the body of the answer; ends with 1 when there is none in time
//	pod write FILE TEXT   writes a file
//	pod print FILE        prints a file
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-ended
		os.Exit(0)
	}()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		select {}
	}
	command, arguments := arguments[0], arguments[1:]
	switch {
	case command == "serve" && len(arguments) == 1:
		return serve(arguments[0])
	case command == "get" && len(arguments) == 2:
		return get(arguments[0], arguments[1])
	case command == "write" && len(arguments) == 2:
		return os.WriteFile(arguments[0], []byte(arguments[1]), 0o600)
	case command == "print" && len(arguments) == 1:
		content, err := os.ReadFile(arguments[0])
		fmt.Print(string(content))
		return err
	}
	return fmt.Errorf("unknown command %s", command)
}

func serve(port string) error {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") })
	return http.ListenAndServe(":"+port, handler)
}

func get(url, seconds string) error {
	limit, err := strconv.Atoi(seconds)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: time.Duration(limit) * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Print(string(body))
	return err
}
