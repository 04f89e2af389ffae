// Command load-test sends requests to one URL at given rates, and writes what came back as a line
// of JSON each second, and one more at its end.
//
//	load-test -url http://web.apps.svc/ -phases 10x5s,20x5s
//
// The rates are kept whatever the answers take (an open loop), so slow answers do not slow the load.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	// Requests under way at once; beyond them the load waits, rather than taking all memory.
	maxWorkers = 1000
	// Seconds in a row over a limit after which the run ends.
	patience = 3
	// Characters of an error that are told.
	longest = 200
)

// phase is a constant rate, in requests a second, for a time.
type phase struct {
	rate int
	last time.Duration
}

// phases is a pacer that keeps one rate after the other.
type phases []phase

func parse(text string) (phases, error) {
	var found phases
	for _, part := range strings.Split(text, ",") {
		rate, last, _ := strings.Cut(part, "x")
		number, err := strconv.Atoi(rate)
		if err != nil || number < 1 {
			return nil, fmt.Errorf("%q has no rate", part)
		}
		duration, err := time.ParseDuration(last)
		if err != nil || duration <= 0 {
			return nil, fmt.Errorf("%q has no duration", part)
		}
		found = append(found, phase{number, duration})
	}
	return found, nil
}

func (p phases) total() (sum time.Duration) {
	for _, each := range p {
		sum += each.last
	}
	return sum
}

// Pace tells how long to wait before the next request.
func (p phases) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	var began time.Duration
	sent := float64(hits)
	for _, each := range p {
		expected := float64(each.rate) * each.last.Seconds()
		if sent < expected {
			due := began + time.Duration(sent/float64(each.rate)*float64(time.Second))
			return max(0, due-elapsed), false
		}
		sent -= expected
		began += each.last
	}
	return 0, true
}

// Rate returns the rate at a time.
func (p phases) Rate(elapsed time.Duration) float64 {
	for _, each := range p {
		if elapsed < each.last {
			return float64(each.rate)
		}
		elapsed -= each.last
	}
	return 0
}

// line is what is written each second, and with End as the summary of all.
type line struct {
	End        bool           `json:"end"`
	Seconds    float64        `json:"seconds"`
	Requests   uint64         `json:"requests"`
	Throughput float64        `json:"throughput"` // successful answers a second
	Success    float64        `json:"success"`    // share of the answers
	P50        float64        `json:"p50"`        // milliseconds
	P95        float64        `json:"p95"`
	P99        float64        `json:"p99"`
	Codes      map[string]int `json:"codes"` // by status; "0" without an answer
	Error      string         `json:"error,omitempty"`
	Stopped    string         `json:"stopped,omitempty"`
}

func described(found *vegeta.Metrics, elapsed, span time.Duration) line {
	found.Close()
	made := line{
		Seconds:    elapsed.Seconds(),
		Requests:   found.Requests,
		Throughput: found.Success * float64(found.Requests) / max(span.Seconds(), 0.001),
		Success:    found.Success,
		P50:        milliseconds(found.Latencies.P50),
		P95:        milliseconds(found.Latencies.P95),
		P99:        milliseconds(found.Latencies.P99),
		Codes:      found.StatusCodes,
	}
	if len(found.Errors) > 0 {
		text := []rune(found.Errors[0])
		made.Error = string(text[:min(len(text), longest)])
	}
	return made
}

func milliseconds(found time.Duration) float64 {
	return float64(found.Microseconds()) / 1000
}

// limits end a run whose answers get worse than they say; 0 means none.
type limits struct {
	p95    time.Duration
	errors float64
	bad    int
}

func (l *limits) broken(second line) string {
	if second.Requests == 0 {
		return ""
	}
	why := ""
	switch {
	case l.errors > 0 && 1-second.Success > l.errors:
		why = "errors"
	case l.p95 > 0 && second.P95 > milliseconds(l.p95):
		why = "latency"
	}
	if why == "" {
		l.bad = 0
		return ""
	}
	l.bad++
	if l.bad < patience {
		return ""
	}
	return why
}

func run() error {
	url := flag.String("url", "", "where the requests go")
	address := flag.String("address", "", "IP and port to connect to, whatever the URL's host is")
	text := flag.String("phases", "", "rates and how long each lasts, such as 10x5s,20x5s")
	timeout := flag.Duration("timeout", 10*time.Second, "how long an answer may take")
	stopP95 := flag.Duration("stop-p95", 0, "end when the p95 latency is over this for three seconds")
	stopErrors := flag.Float64("stop-errors", 0, "end when more than this share fails for as long")
	flag.Parse()
	pacer, err := parse(*text)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(*url, "http://") && !strings.HasPrefix(*url, "https://") {
		return errors.New("-url is no HTTP address")
	}
	dialer := &net.Dialer{Timeout: *timeout}
	transport := &http.Transport{
		// Proxy stays unset: the load is for this one address, whatever the environment says.
		DialContext: func(ctx context.Context, network, host string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, cmp.Or(*address, host))
		},
		MaxIdleConnsPerHost: maxWorkers,
		// An app's own certificate is seldom for the name of its Service; nothing secret is sent.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	attacker := vegeta.NewAttacker(
		vegeta.Client(&http.Client{
			Timeout:   *timeout,
			Transport: transport,
			// A redirect is an answer: what it leads to may be anywhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
		vegeta.MaxWorkers(maxWorkers),
		vegeta.MaxBody(0),
	)
	target := vegeta.NewStaticTargeter(vegeta.Target{
		Method: http.MethodGet, URL: *url, Header: http.Header{"User-Agent": {"dash-portal-load-test"}},
	})
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	write(attacker.Attack(target, pacer, pacer.total(), ""), attacker, transport, ended,
		&limits{p95: *stopP95, errors: *stopErrors})
	return nil
}

func write(
	results <-chan *vegeta.Result, attacker *vegeta.Attacker, transport *http.Transport,
	ended context.Context, stops *limits,
) {
	out := json.NewEncoder(os.Stdout)
	began := time.Now()
	last, every := began, time.NewTicker(time.Second)
	var whole vegeta.Metrics
	second, stopped, asked := &vegeta.Metrics{}, "", ended.Done()
	for {
		select {
		case result, open := <-results:
			if !open {
				summary := described(&whole, time.Since(began), time.Since(began))
				summary.End, summary.Stopped = true, stopped
				_ = out.Encode(summary)
				return
			}
			whole.Add(result)
			second.Add(result)
		case now := <-every.C:
			made := described(second, now.Sub(began), now.Sub(last))
			_ = out.Encode(made)
			second, last = &vegeta.Metrics{}, now
			if why := stops.broken(made); why != "" && stopped == "" {
				stopped = why
				attacker.Stop()
			}
			// New connections each second, so that new pods get their share: a Service spreads
			// connections, not requests.
			transport.CloseIdleConnections()
		case <-asked:
			stopped, asked = "asked", nil
			attacker.Stop()
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "load-test:", err)
		os.Exit(2)
	}
}
