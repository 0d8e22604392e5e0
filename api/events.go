package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"stile/audit"
	"stile/manage"
	"stile/storage"
	"stile/web"
)

// EventFilter chooses lines of the audit log.
type EventFilter struct {
	Kind    string    `query:"kind" maxLength:"100"`
	Outcome string    `query:"outcome" enum:"ok,refused"`
	Subject string    `query:"subject_id" maxLength:"100" doc:"Id of a user."`
	Client  string    `query:"client_id" maxLength:"100"`
	Since   time.Time `query:"since" doc:"Not before."`
	Until   time.Time `query:"until" doc:"Before."`
}

func (f EventFilter) filter() storage.EventFilter {
	return storage.EventFilter{
		Kind: audit.Kind(f.Kind), Outcome: f.Outcome, SubjectID: f.Subject, ClientID: f.Client, Since: f.Since, Until: f.Until,
	}
}

func (f EventFilter) query() url.Values {
	q := url.Values{"kind": {f.Kind}, "outcome": {f.Outcome}, "subject_id": {f.Subject}, "client_id": {f.Client}}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return q
}

// pathExport is the one answer that may take long.
const pathExport = Prefix + "/events/export"

const jsonLines = "application/jsonl"

// lines is an answer that is written as it is read.
type lines struct {
	ContentType string `header:"Content-Type"`
	Body        func(huma.Context)
}

func (a *API) events() {
	type list struct {
		Page
		EventFilter
	}
	do(a, act{
		id: "listEvents", method: http.MethodGet, path: "/events", tag: "Audit log", permission: manage.ReadAudit, summary: "The audit log, newest first, a page at a time",
	}, func(ctx context.Context, w manage.Who, in *list) (*Paged[manage.EventRecord], error) {
		at := a.place("/events", w)
		after, err := at.after(in.Page)
		if err != nil {
			return nil, err
		}
		f := in.filter()
		f.After, f.Limit = after, in.Limit+1
		found, err := a.o.Manage.Events(ctx, w, f)
		if err != nil {
			return nil, err
		}
		return paged(in.Page, found, func(e storage.StoredEvent) string { return e.ID }, manage.RecordOf(a.o.DB), at, in.query()), nil
	})
	type export struct{ EventFilter }
	do(a, act{
		id: "exportEvents", method: http.MethodGet, path: "/events/export", tag: "Audit log", permission: manage.ReadAudit, answers: jsonLines,
		summary: "The audit log to its end, as JSON lines", about: "One Event a line. An export that was broken off ends without its last chunk.",
	}, func(ctx context.Context, w manage.Who, in *export) (*lines, error) {
		if err := a.o.Manage.RecordExport(ctx, w, in.filter(), "jsonl"); err != nil {
			return nil, err
		}
		return &lines{jsonLines, func(out huma.Context) { a.export(ctx, w, in.filter(), out) }}, nil
	})
}

// export writes the lines. What goes wrong on the way breaks the answer off, so
// that half of it doesn't look like all.
func (a *API) export(ctx context.Context, who manage.Who, f storage.EventFilter, out huma.Context) {
	_, w := humamux.Unwrap(out)
	stream, record := web.NewStream(w), manage.RecordOf(a.o.DB)
	for e, err := range a.o.Manage.ExportEvents(ctx, who, f) {
		if err == nil {
			stream.Row()
			err = marshal(out.BodyWriter(), record(e))
		}
		if err != nil {
			a.o.Logger.WarnContext(ctx, "an export was broken off", "request_id", web.RequestID(ctx), "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}
