package admin

import (
	"bufio"
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"stile/address"
	"stile/audit"
	"stile/manage"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

const (
	logPath      = home + "/log"
	logCSVPath   = logPath + ".csv"
	logJSONLPath = logPath + ".jsonl"
)

var logRoutes = []Route{
	{http.MethodGet, logPath, "", manage.ReadAudit, (*Visit).log},
	{http.MethodGet, logCSVPath, "", manage.ReadAudit, func(v *Visit) error {
		return v.exportLog("csv", "text/csv; charset=utf-8", func(out *bufio.Writer) (func(manage.EventRecord) error, func() error) {
			return manage.CSVLines(out)
		})
	}},
	{http.MethodGet, logJSONLPath, "", manage.ReadAudit, func(v *Visit) error {
		return v.exportLog("jsonl", "application/jsonl", manage.JSONLines)
	}},
}

// kinds are the kinds that the filter of the log offers, "" for all.
var kinds = append([]audit.Kind{""}, audit.Kinds()...)

// logFields are the fields of the filter of the log.
var logFields = []string{
	templates.FieldKind, templates.FieldOutcome, templates.FieldUser, templates.FieldSince, templates.FieldUntil,
}

// dayForm is how browsers send a day.
const dayForm = "2006-01-02"

// zone is where the days of whoever asks begin.
func (v *Visit) zone() *time.Location {
	if z, err := time.LoadLocation(cmp.Or(v.Person.User.TimeZone, v.Person.Account.TimeZone, "UTC")); err == nil {
		return z
	}
	return time.UTC
}

// logFilter is the filter of the query. What it doesn't know chooses all, but
// for a user whom the account doesn't have: of that one there is nothing, and
// some is false.
func (v *Visit) logFilter() (f storage.EventFilter, some bool, err error) {
	f = storage.EventFilter{Kind: audit.Kind(v.Query.Get(templates.FieldKind)), Outcome: v.Query.Get(templates.FieldOutcome), After: v.Query.Get(templates.FieldAfter)}
	if !slices.Contains([]string{audit.OK, audit.Refused}, f.Outcome) {
		f.Outcome = ""
	}
	if day, err := time.ParseInLocation(dayForm, v.Query.Get(templates.FieldSince), v.zone()); err == nil {
		f.Since = day
	}
	if day, err := time.ParseInLocation(dayForm, v.Query.Get(templates.FieldUntil), v.zone()); err == nil {
		f.Until = day.AddDate(0, 0, 1)
	}
	typed := v.Query.Get(templates.FieldUser)
	if typed == "" {
		return f, true, nil
	}
	mail, err := address.Canonical(typed)
	if err != nil {
		return f, false, nil
	}
	f.SubjectID, err = v.Manage.UserByAddress(v.R.Context(), v.Who, mail)
	return f, f.SubjectID != "", err
}

// log lists what happened in the account.
func (v *Visit) log() error {
	f, some, err := v.logFilter()
	if err != nil {
		return err
	}
	f.Limit = listed + 1
	var list []storage.StoredEvent
	if some {
		if list, err = v.Manage.Events(v.R.Context(), v.Who, f); err != nil {
			return err
		}
	}
	filter := v.query(logFields)
	page := templates.AdminLog{
		User: v.Query.Get(templates.FieldUser), Since: v.Query.Get(templates.FieldSince), Until: v.Query.Get(templates.FieldUntil),
		Zone: v.zone().String(), Filtered: len(filter) > 0, CSV: withQuery(logCSVPath, filter), JSONL: withQuery(logJSONLPath, filter),
	}
	if !page.Filtered && f.After == "" && !v.following() { // the newest page of everything
		if page.Days, err = v.signInsByDay(); err != nil {
			return err
		}
	}
	offered := kinds
	if !slices.Contains(kinds, f.Kind) {
		offered = append(slices.Clone(kinds), f.Kind)
	}
	for _, k := range offered {
		page.Kinds = append(page.Kinds, templates.AdminChoice{ID: string(k), Chosen: k == f.Kind})
	}
	for _, o := range []string{"", audit.OK, audit.Refused} {
		page.Outcomes = append(page.Outcomes, templates.AdminChoice{ID: o, Chosen: o == f.Outcome})
	}
	page.Pager = v.pagerOf(logPath, filter, len(list), func() string { return list[listed-1].ID })
	v.follow(&page, filter, list)
	list = list[:min(len(list), listed)]
	names, err := v.Manage.Names(v.R.Context(), v.Who, list)
	if err != nil {
		return err
	}
	for _, e := range list {
		page.Events = append(page.Events, eventRow(e, names))
	}
	return v.Show(http.StatusOK, page)
}

// followed is how often the page loads itself while somebody follows the log.
const followed = 10 * time.Second

// following tells whether the request is for the log as it goes on: for one that
// the page makes by itself, too, so that it is no sign that somebody is there.
func (v *Visit) following() bool { return v.Query.Has(templates.FieldFollow) }

// follow fills in what leads to following, or, where somebody does, what came
// since. The place where it began is the id of the newest line then.
func (v *Visit) follow(page *templates.AdminLog, filter url.Values, list []storage.StoredEvent) {
	filter.Del(templates.FieldAfter)
	if v.Query.Get(templates.FieldAfter) != "" {
		return
	}
	if !v.following() {
		filter.Set(templates.FieldFollow, "-")
		if len(list) > 0 {
			filter.Set(templates.FieldFollow, list[0].ID)
		}
		page.Follow = withQuery(logPath, filter)
		return
	}
	page.Unfollow, page.Every = withQuery(logPath, filter), int(followed/time.Second)
	page.New = slices.IndexFunc(list, func(e storage.StoredEvent) bool { return e.ID <= v.Query.Get(templates.FieldFollow) })
	if page.New < 0 {
		page.New = len(list)
	}
	page.More, page.New = page.New > listed, min(page.New, listed)
	v.W.Header().Set("Refresh", strconv.Itoa(page.Every)) // the same page again
}

// drawnDays is how far back the plot of sign-ins goes.
const drawnDays = 30

func (v *Visit) signInsByDay() (days []templates.AdminSignIns, err error) {
	list, err := v.Manage.SignInsByDay(v.R.Context(), v.Who, drawnDays, v.zone())
	for _, d := range list {
		days = append(days, templates.AdminSignIns{
			Day: d.Day, Code: d.Counts[storage.CountCode], Session: d.Counts[storage.CountSession],
			Trusted: d.Counts[storage.CountTrusted], NotRequired: d.Counts[storage.CountNotRequired],
			RefusedPassword: d.Counts[storage.CountRefusedPassword], RefusedCode: d.Counts[storage.CountRefusedCode],
			GivenUp: d.Counts[storage.CountGivenUp],
		})
	}
	return days, err
}

func eventRow(e storage.StoredEvent, names map[string]string) templates.AdminEvent {
	row := templates.AdminEvent{
		At: e.At, Kind: string(e.Kind), Reason: e.Reason, Refused: e.Outcome == audit.Refused, Network: e.Actor.Network,
		About:  userActor(e.SubjectID, names),
		Client: templates.AdminActor{Name: names[e.ClientID], Code: e.ClientID},
	}
	switch e.Actor.Kind {
	case "user":
		row.By = userActor(e.Actor.ID, names)
	case "client":
		row.By = templates.AdminActor{Name: names[e.Actor.ID], Code: e.Actor.ID}
	default:
		row.By = templates.AdminActor{Code: e.Actor.Kind}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		row.Detail = append(row.Detail, name+"="+e.Detail[name])
	}
	return row
}

func userActor(id string, names map[string]string) templates.AdminActor {
	a := templates.AdminActor{Name: names[id], Code: id}
	if a.Name != "" {
		a.Path = usersPath + "/" + url.PathEscape(id)
	}
	return a
}

// exportLog answers with the chosen part of the log, as it is read.
func (v *Visit) exportLog(format, contentType string, lines func(*bufio.Writer) (func(manage.EventRecord) error, func() error)) error {
	f, some, err := v.logFilter()
	if err != nil {
		return err
	}
	f.After = ""
	if err := v.Manage.RecordExport(v.R.Context(), v.Who, f, format); err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", `attachment; filename="log.`+format+`"`)
	record := manage.RecordOf(v.Manage.DB)
	write, end := lines(bufio.NewWriter(v.W))
	stream := web.NewStream(v.W)
	if some {
		for e, err := range v.Manage.ExportEvents(v.R.Context(), v.Who, f) {
			if err != nil {
				panic(http.ErrAbortHandler) // half a log must not look like a whole one
			}
			stream.Row()
			if write(record(e)) != nil {
				return nil // whoever asked has gone
			}
		}
	}
	_ = end() // as above
	return nil
}
