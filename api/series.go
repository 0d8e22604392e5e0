package api

import (
	"context"
	"net/http"
	"time"

	"stile/manage"
	"stile/storage"
)

// stretch is a number of days that ends with today.
type stretch struct {
	Days int    `query:"days" minimum:"1" maximum:"400" default:"30" doc:"How many days, today included."`
	Zone string `query:"time_zone" maxLength:"64" default:"UTC" doc:"Where days begin and end."`
}

func (s stretch) zone() (*time.Location, error) {
	if storage.CheckZone(s.Zone) != nil {
		return nil, manage.InputError{Field: "time_zone", Code: manage.InputZone, Detail: "use a name such as Europe/Berlin"}
	}
	return time.LoadLocation(s.Zone)
}

// DaySignIns counts the sign-ins of a day by result.
type DaySignIns struct {
	Day    string         `json:"day" format:"date"`
	Counts map[string]int `json:"counts" doc:"By result, such as code, not_required, refused_password, refused_code, given_up."`
}

// DayEnrolled counts who had a second factor at the end of a day.
type DayEnrolled struct {
	Day      string `json:"day" format:"date"`
	Enrolled int    `json:"enrolled" doc:"Users with an authenticator app or a passkey at the end of the day."`
}

func (a *API) series() {
	do(a, act{
		id: "signInsByDay", method: http.MethodGet, path: "/series/sign-ins", tag: "Series", permission: manage.ReadAudit, summary: "Sign-ins by day and result",
	}, func(ctx context.Context, w manage.Who, in *stretch) (*All[DaySignIns], error) {
		zone, err := in.zone()
		if err != nil {
			return nil, err
		}
		days, err := a.o.Manage.SignInsByDay(ctx, w, in.Days, zone)
		if err != nil {
			return nil, err
		}
		return all(days, func(d storage.DayCount) DaySignIns {
			counts := d.Counts
			if counts == nil {
				counts = map[string]int{}
			}
			return DaySignIns{d.Day.In(zone).Format(time.DateOnly), counts}
		}), nil
	})
	do(a, act{
		id: "enrolmentByDay", method: http.MethodGet, path: "/series/enrolment", tag: "Series", permission: manage.Read, summary: "Users with a second factor by day",
	}, func(ctx context.Context, w manage.Who, in *stretch) (*All[DayEnrolled], error) {
		zone, err := in.zone()
		if err != nil {
			return nil, err
		}
		days, err := a.o.Manage.EnrolmentByDay(ctx, w, in.Days, zone)
		if err != nil {
			return nil, err
		}
		return all(days, func(d storage.DayEnrolled) DayEnrolled {
			return DayEnrolled{d.Day.In(zone).Format(time.DateOnly), d.Enrolled}
		}), nil
	})
}
