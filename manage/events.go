package manage

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"stile/audit"
	"stile/storage"
)

// Events lists the account's audit log, newest first, a page at a time.
func (s *Service) Events(ctx context.Context, w Who, f storage.EventFilter) ([]storage.StoredEvent, error) {
	if err := s.may(w, ReadAudit); err != nil {
		return nil, err
	}
	f.AccountID = w.accountID
	return s.DB.Events(ctx, f)
}

// NewEvents lists what came into the account's audit log after a position, oldest
// first, but not what is so young that something older could still come in. It
// returns the position to go on from; an empty one begins now.
func (s *Service) NewEvents(ctx context.Context, w Who, f storage.EventFilter, position string) (list []storage.StoredEvent, next string, err error) {
	if err := s.may(w, ReadAudit); err != nil {
		return nil, "", err
	}
	next = s.DB.LogPosition()
	if position == "" || position >= next {
		return nil, max(position, next), nil
	}
	f.Newer, f.After, f.AccountID = position, next, w.accountID
	if list, err = s.DB.Events(ctx, f); err != nil {
		return nil, "", err
	}
	if n := len(list); n > 0 && n == f.Limit {
		next = list[n-1].ID
	}
	return list, next, nil
}

// exportPage is how many lines of the log are held at a time.
const exportPage = 500

// ExportEvents walks through the account's audit log, newest first, to its end.
func (s *Service) ExportEvents(ctx context.Context, w Who, f storage.EventFilter) iter.Seq2[storage.StoredEvent, error] {
	return func(yield func(storage.StoredEvent, error) bool) {
		for f.Limit = exportPage; ; {
			page, err := s.Events(ctx, w, f)
			if err != nil {
				yield(storage.StoredEvent{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				f.After = e.ID
			}
			if len(page) < exportPage {
				return
			}
		}
	}
}

// RecordExport writes down that the log is about to be exported, before a line
// of it is out.
func (s *Service) RecordExport(ctx context.Context, w Who, f storage.EventFilter, format string) error {
	if err := s.may(w, ReadAudit); err != nil {
		return err
	}
	return s.DB.Record(ctx, audit.Event{
		Kind: audit.AuditExported, Actor: w.by, AccountID: w.accountID, SubjectID: f.SubjectID, ClientID: f.ClientID,
		Detail: map[string]string{"format": format, "kind": cmp.Or(string(f.Kind), "all")},
	})
}

// Names returns how people call who and what events name by id: the addresses
// of the account's users, and the names of apps. What is gone is left out.
func (s *Service) Names(ctx context.Context, w Who, events []storage.StoredEvent) (map[string]string, error) {
	if err := s.may(w, ReadAudit); err != nil {
		return nil, err
	}
	users, clients := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		users[e.SubjectID], clients[e.ClientID] = true, true
		switch e.Actor.Kind {
		case "user":
			users[e.Actor.ID] = true
		case "client":
			clients[e.Actor.ID] = true
		}
	}
	delete(users, "")
	delete(clients, "")
	names, err := s.DB.Addresses(ctx, w.accountID, slices.Sorted(maps.Keys(users)))
	if err != nil {
		return nil, err
	}
	for id := range clients {
		c, err := s.DB.Client(ctx, id)
		switch {
		case err == nil && (c.AccountID == "" || c.AccountID == w.accountID) && c.Metadata.Name != "":
			names[id] = c.Metadata.Name
		case err != nil && !errors.Is(err, storage.ErrNotFound):
			return nil, err
		}
	}
	return names, nil
}

// UserByAddress returns the id of the account's user with an address, or "".
func (s *Service) UserByAddress(ctx context.Context, w Who, address string) (string, error) {
	if err := s.may(w, ReadAudit); err != nil {
		return "", err
	}
	p, err := s.DB.PersonByEmail(ctx, address)
	if errors.Is(err, storage.ErrNotFound) || err == nil && p.Account.ID != w.accountID {
		return "", nil
	}
	return p.User.ID, err
}

// SignInsByDay counts the account's sign-ins by day and result, for a plot.
func (s *Service) SignInsByDay(ctx context.Context, w Who, days int, zone *time.Location) ([]storage.DayCount, error) {
	if err := s.may(w, ReadAudit); err != nil {
		return nil, err
	}
	since, until := s.days(days, zone)
	return s.DB.SignInsByDay(ctx, w.accountID, since, until, zone)
}

// EnrolmentByDay counts who had a second factor at the end of each day, for a plot.
func (s *Service) EnrolmentByDay(ctx context.Context, w Who, days int, zone *time.Location) ([]storage.DayEnrolled, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	since, until := s.days(days, zone)
	return s.DB.EnrolmentByDay(ctx, w.accountID, since, until, zone)
}

// days is a stretch of whole days that ends with today.
func (s *Service) days(n int, zone *time.Location) (since, until time.Time) {
	y, m, d := s.Now().In(zone).Date()
	return time.Date(y, m, d-n+1, 0, 0, 0, 0, zone), time.Date(y, m, d+1, 0, 0, 0, 0, zone)
}
