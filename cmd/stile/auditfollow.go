package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"stile/manage"
	"stile/storage"
)

// followPace is how often the log is looked at while it is followed.
const followPace = 2 * time.Second

// follow prints the newest events that the filter chooses, oldest first, and then
// what comes in, until ctx ends.
func (p *program) follow(ctx context.Context, db *storage.DB, f storage.EventFilter) error {
	// Lines come in a little later than their ids say. So the last half minute is
	// read again each time, and what was there or printed of it is known.
	w := &follower{known: map[string]bool{}, write: p.lineWriter(db)}
	position := db.LogPosition()
	if err := eachNew(ctx, db, f, position, w.skip); err != nil {
		return err
	}
	list, err := db.Events(ctx, f)
	if err != nil {
		return err
	}
	for _, e := range list {
		delete(w.known, e.ID)
	}
	slices.Reverse(list)
	if err := w.show(list); err != nil {
		return err
	}
	tick := time.NewTicker(followPace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil // asked to end
		case <-tick.C:
		}
		next := db.LogPosition()
		if err := eachNew(ctx, db, f, position, w.show); err != nil && ctx.Err() == nil {
			return err
		}
		position = next
		maps.DeleteFunc(w.known, func(id string, _ bool) bool { return id <= position })
	}
}

// follower prints each event once.
type follower struct {
	known map[string]bool
	write func(storage.StoredEvent) error
}

func (w *follower) skip(list []storage.StoredEvent) error {
	for _, e := range list {
		w.known[e.ID] = true
	}
	return nil
}

func (w *follower) show(list []storage.StoredEvent) error {
	for _, e := range list {
		if w.known[e.ID] {
			continue
		}
		w.known[e.ID] = true
		if err := w.write(e); err != nil {
			return err
		}
	}
	return nil
}

// eachNew walks through what came in after a position, oldest first.
func eachNew(ctx context.Context, db *storage.DB, f storage.EventFilter, position string, show func([]storage.StoredEvent) error) error {
	f.Newer, f.Limit = position, exportPage
	for {
		list, err := db.Events(ctx, f)
		if err == nil {
			err = show(list)
		}
		if err != nil || len(list) < f.Limit {
			return err
		}
		f.Newer = list[len(list)-1].ID
	}
}

// lineWriter returns what prints events one by one.
func (p *program) lineWriter(db *storage.DB) func(storage.StoredEvent) error {
	if p.json {
		e, record := json.NewEncoder(p.out), manage.RecordOf(db)
		e.SetEscapeHTML(false)
		return func(event storage.StoredEvent) error { return e.Encode(record(event)) }
	}
	const form = "%-17s  %-26s  %-7s  %-18s  %s\n"
	begun := false
	return func(e storage.StoredEvent) error {
		if !begun {
			begun = true
			fmt.Fprintf(p.out, form, "TIME", "KIND", "OUTCOME", "REASON", "BY")
		}
		_, err := fmt.Fprintf(p.out, form, when(&e.At), e.Kind, e.Outcome, orDash(e.Reason), cmp.Or(e.Actor.Kind, "-"))
		return err
	}
}
