package manage

import (
	"context"
	"iter"
	"time"

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

// SignInsByDay counts the account's sign-ins by day and result, for a plot.
func (s *Service) SignInsByDay(ctx context.Context, w Who, days int, zone *time.Location) ([]storage.DayCount, error) {
	if err := s.may(w, ReadAudit); err != nil {
		return nil, err
	}
	since, until := s.days(days, zone)
	return s.DB.SignInsByDay(ctx, w.accountID, since, until, zone)
}

// EnrolmentByDay counts who had an authenticator at the end of each day, for a plot.
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
