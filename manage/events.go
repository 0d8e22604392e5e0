package manage

import (
	"context"
	"iter"

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
