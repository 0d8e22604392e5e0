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

// EventPage is a page of the audit log.
type EventPage struct {
	Items []manage.EventRecord `json:"items"`
	Next  string               `json:"next,omitempty" doc:"Cursor of the next page, of older lines; left out on the last one."`
	After string               `json:"after" doc:"Where to go on later with what came in since: give it as after."`
}

type eventPage struct {
	Link string `header:"Link" doc:"The next page, rel=next (RFC 8288), if there is one."`
	Body EventPage
}

// positionLife is how long somebody who follows the log may stay away.
const positionLife = 400 * 24 * time.Hour

// position hides a position in the log of an account, and openPosition shows it.
func (a *API) position(w manage.Who, position string) string {
	sealed, err := a.o.Kit.Seal(position, positionLife, "position", w.AccountID())
	if err != nil {
		return "" // a string always seals
	}
	return sealed
}

func (a *API) openPosition(w manage.Who, sealed string) (position string, err error) {
	if !a.o.Kit.Unseal(sealed, &position, "position", w.AccountID()) {
		return "", &Problem{
			Type: typeInput, Status: http.StatusUnprocessableEntity, Detail: "The position is not one of ours.",
			Errors: []Fault{{Field: "after", Code: "cursor", Detail: "use after of an answer before"}},
		}
	}
	return position, nil
}

// newEvents answers with what came in after a position.
func (a *API) newEvents(ctx context.Context, w manage.Who, f storage.EventFilter, sealed string) (*eventPage, error) {
	position, err := a.openPosition(w, sealed)
	if err != nil {
		return nil, err
	}
	found, next, err := a.o.Manage.NewEvents(ctx, w, f, position)
	if err != nil {
		return nil, err
	}
	return &eventPage{Body: EventPage{Items: all(found, manage.RecordOf(a.o.DB)).Body.Items, After: a.position(w, next)}}, nil
}

func (a *API) events() {
	type list struct {
		Page
		EventFilter
		After string `query:"after" maxLength:"1000" doc:"To follow the log: after of an answer before. Answers with what came in since, oldest first. Not together with cursor."`
	}
	do(a, act{
		id: "listEvents", method: http.MethodGet, path: "/events", tag: "Audit log", permission: manage.ReadAudit, summary: "The audit log, newest first, a page at a time",
		about: "To follow it, keep after of the first answer, and ask with it again and again, with the same filter: each answer has what came in since, oldest first, and another after. " +
			"As many items as limit mean that there is more already. Lines are answered so when they are half a minute old, so that none is missed that was written at the same time; " +
			"those of the half minute before the first answer come twice.",
	}, func(ctx context.Context, w manage.Who, in *list) (*eventPage, error) {
		if in.After != "" {
			if in.Cursor != "" {
				return nil, manage.InputError{Field: "after", Code: "cursor", Detail: "give cursor or after"}
			}
			f := in.filter()
			f.Limit = in.Limit
			return a.newEvents(ctx, w, f, in.After)
		}
		at := a.place("/events", w)
		after, err := at.after(in.Page)
		if err != nil {
			return nil, err
		}
		f := in.filter()
		f.After, f.Limit = after, in.Limit+1
		position := a.o.DB.LogPosition() // before the log is read
		found, err := a.o.Manage.Events(ctx, w, f)
		if err != nil {
			return nil, err
		}
		page := paged(in.Page, found, func(e storage.StoredEvent) string { return e.ID }, manage.RecordOf(a.o.DB), at, in.query())
		return &eventPage{page.Link, EventPage{page.Body.Items, page.Body.Next, a.position(w, position)}}, nil
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
