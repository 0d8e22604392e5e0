package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/roster"
)

// slowly sends a list that comes in bit by bit. It returns when the server reads
// it; end sends the rest.
func (w *world) slowly(token string) (end func(rest string) reply) {
	w.t.Helper()
	body, in := io.Pipe()
	r := must[*http.Request](w.t)(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.issuer+"/api/v1/users/import", body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "text/csv")
	r.Header.Set("Expect", "100-continue") // sent on only when somebody reads it
	var answer reply
	var sent sync.WaitGroup
	sent.Go(func() {
		resp, err := w.patient.Do(r)
		if err != nil {
			w.t.Error(err)
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		answer = reply{status: resp.StatusCode, header: resp.Header, text: string(text)}
	})
	if _, err := io.WriteString(in, listHead); err != nil {
		w.t.Fatal(err)
	}
	return func(rest string) reply {
		_, _ = io.WriteString(in, rest)
		_ = in.Close()
		sent.Wait()
		return answer
	}
}

// A third list at the same time has to wait, at the door of the API and at that
// of the Admin Center, which have the places in common.
func TestN07_TwoListsAtATime(t *testing.T) {
	w := newWorld(t)
	w.patient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 1 << 62}}
	token := w.admin()
	first, second := w.slowly(token), w.slowly(token)
	list := listHead + "kim@here.example,Kim,,,,\n"
	third := w.call(token, "POST", "/users/import", list, "Content-Type", "text/csv", "Idempotency-Key", "once")
	w.want("a third list", third, 503, "Other lists")
	if third.header.Get("Retry-After") != "10" {
		t.Errorf("headers %v", third.header)
	}
	w.want("a stranger's", w.call("", "POST", "/users/import", list, "Content-Type", "text/csv"), 401, "")
	w.want("other requests", w.call(token, "GET", "/users", ""), 200, "")
	w.want("the first list", first("member@here.example,Name of member@here.example,,,,\n"), 200, `"unchanged":1`)
	w.want("the third again", w.call(token, "POST", "/users/import", list, "Content-Type", "text/csv", "Idempotency-Key", "once"), 200, `"invited":1`)
	w.want("the second list", second("member@here.example,Name of member@here.example,,,,\n"), 200, `"unchanged":1`)
	for range 5 { // whatever came of them, places are free again
		w.want("refused", w.call(token, "POST", "/users/import", "nonsense", "Content-Type", "text/csv"), 422, "")
	}
}

// A million rows are refused before they are read to the end.
func TestN07_AListOfAMillionRows(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	read := 0
	rows := bytes.Repeat([]byte("someone@here.example,Some One,,,,\n"), 1000)
	more := func(p []byte) (int, error) {
		if read >= 1000*len(rows) {
			return 0, io.EOF
		}
		n := copy(p, rows)
		read += n
		return n, nil
	}
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, w.issuer+"/api/v1/users/import", readerFunc(more)))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "text/csv")
	resp := must[*http.Response](t)(w.http.Do(r))
	defer resp.Body.Close()
	var problem struct{ Detail string }
	if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(problem.Detail, "8192 kB") {
		t.Errorf("%d %+v, %v", resp.StatusCode, problem, err)
	}
	if read > 3*roster.MaxBytes {
		t.Errorf("%d bytes were taken of a list of which %d are too many", read, roster.MaxBytes)
	}
}

type readerFunc func([]byte) (int, error)

// Read implements [io.Reader].
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Lists and records of people that a program reads are in the log, too.
func TestReadsOfPeopleAreInTheLog(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	w.want("list", w.call(token, "GET", "/users?limit=1", ""), 200, "")
	w.later(time.Second) // of the same instant the order is any
	w.want("one", w.call(token, "GET", "/users/"+w.here.user.ID, ""), 200, "")
	w.want("nobody", w.call(token, "GET", "/users/none", ""), 404, "")
	w.want("changed", w.call(token, "PATCH", "/users/"+w.here.user.ID, `{"name":"New"}`, "If-Match", "*"), 200, "")
	read := w.call(token, "GET", "/events?kind=people.read", "").items()
	if len(read) != 2 || read[0]["reason"] != "detail" || read[0]["subject_id"] != w.here.user.ID || read[1]["reason"] != "list" {
		t.Errorf("the log says %v", read)
	}
}
