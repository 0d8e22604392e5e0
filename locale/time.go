package locale

import (
	"fmt"
	"time"
)

var months = [...]string{
	"date.month.1", "date.month.2", "date.month.3", "date.month.4", "date.month.5", "date.month.6",
	"date.month.7", "date.month.8", "date.month.9", "date.month.10", "date.month.11", "date.month.12",
}

// Clock is the time of day with its zone, "14:32 CET", in the location that t
// carries.
func (p Printer) Clock(t time.Time) string {
	return p.T("date.clock", "Clock", t.Format("15:04"), "Zone", zone(t))
}

// Date is the date alone, "22 November 2026".
func (p Printer) Date(t time.Time) string {
	return p.T("date.date", "Day", p.day(t), "Month", p.T(months[t.Month()-1]), "Year", t.Format("2006"))
}

// Time is date, time of day and zone: "22 November 2026, 14:32 CET".
func (p Printer) Time(t time.Time) string {
	return p.T("date.time", "Date", p.Date(t), "Clock", p.Clock(t))
}

// Moment is a time as it stands after "until" or "at": Clock alone on the day
// of now, "14:32 CET on 22 November 2026" on every other day.
func (p Printer) Moment(t, now time.Time) string {
	now = now.In(t.Location())
	if now.Year() == t.Year() && now.YearDay() == t.YearDay() {
		return p.Clock(t)
	}
	return p.T("date.moment", "Clock", p.Clock(t), "Date", p.Date(t))
}

// day of the month; French alone has an ordinal for the first.
func (p Printer) day(t time.Time) string {
	if t.Day() == 1 {
		return p.T("date.day.first")
	}
	return t.Format("2")
}

// zone is the abbreviation of a zone, or its distance from UTC where the zone
// has none: "UTC+5:30".
func zone(t time.Time) string {
	name, offset := t.Zone()
	if name != "" && name[0] >= 'A' && name[0] <= 'Z' {
		return name
	}
	sign := "+"
	if offset < 0 {
		sign, offset = "−", -offset
	}
	if minutes := offset / 60 % 60; minutes != 0 {
		return fmt.Sprintf("UTC%s%d:%02d", sign, offset/3600, minutes)
	}
	return fmt.Sprintf("UTC%s%d", sign, offset/3600)
}
