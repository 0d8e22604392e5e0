package limit

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFigureText(t *testing.T) {
	for _, test := range []struct {
		text string
		want Figure
		back string // as written again; empty: the same
	}{
		{"10 in 15m", Figure{Allowed: 10, Per: 15 * time.Minute}, ""},
		{"10 in 15m, pause 1m to 1h", Figure{Allowed: 10, Per: 15 * time.Minute, Pause: time.Minute, PauseMax: time.Hour}, ""},
		{"5 in 15m, pause 15m to 24h, 50 in a row", Figure{5, 15 * time.Minute, 15 * time.Minute, 24 * time.Hour, 50}, ""},
		{"100 in 30d", Figure{Allowed: 100, Per: 30 * day}, ""},
		{" 7 in 1h30m , 9 in a row,pause 1s to 1s ", Figure{7, 90 * time.Minute, time.Second, time.Second, 9}, "7 in 1h30m, pause 1s to 1s, 9 in a row"},
		{"1 in 90s", Figure{Allowed: 1, Per: 90 * time.Second}, "1 in 1m30s"},
	} {
		t.Run(test.text, func(t *testing.T) {
			var f Figure
			if err := f.UnmarshalText([]byte(test.text)); err != nil || f != test.want {
				t.Fatalf("%+v, %v", f, err)
			}
			if test.back == "" {
				test.back = test.text
			}
			if back, _ := f.MarshalText(); string(back) != test.back {
				t.Errorf("written as %q", back)
			}
		})
	}
}

func TestFigureRefusesWhatCouldNeverCount(t *testing.T) {
	for _, text := range []string{
		"", "10", "10/15m", "0 in 15m", "-1 in 15m", "ten in 15m", "10 in 0s", "10 in -5m", "10 in 15", "10 in 400d", "10 in xd", "10 in 1ms", "10 in 1500ms",
		"10 in 15m, pause 1m", "10 in 15m, pause 1h to 1m", "10 in 15m, pause 0s to 1m", "10 in 15m, pause 1m to x", "10 in 15m, pause 1m to 1h, pause 1m to 1h",
		"10 in 15m, 0 in a row", "10 in 15m, 5 in a row, 5 in a row", "10 in 15m, then nothing", "2000000 in 1m",
	} {
		f := Figure{Allowed: 3, Per: time.Hour}
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, f)
		} else if !strings.Contains(err.Error(), "write it such as") {
			t.Errorf("%q: %v does not say how to write it", text, err)
		}
		if f != (Figure{Allowed: 3, Per: time.Hour}) {
			t.Errorf("%q left %v behind", text, f)
		}
	}
}

func TestDefaults(t *testing.T) {
	f := Defaults()
	for i, v := range f.all() {
		field := reflect.TypeFor[Figures]().Field(i)
		if field.Tag.Get("yaml") == "" {
			t.Errorf("%s has no name", field.Name)
		}
		if figure, ok := v.(*Figure); ok && figure.String() != field.Tag.Get("default") {
			t.Errorf("%s: %v is written otherwise in the tag: %s", field.Name, figure, field.Tag.Get("default"))
		}
	}
	if f.TOTP != (Figure{5, 15 * time.Minute, 15 * time.Minute, day, 50}) || f.EmailCodeTries != 5 {
		t.Errorf("TOTP %v, tries %d", f.TOTP, f.EmailCodeTries)
	}
}

// Each name that bookings carry is that of a figure in the configuration.
func TestNamesAreThoseOfTheConfiguration(t *testing.T) {
	names := map[Name]bool{}
	for i := range reflect.TypeFor[Figures]().NumField() {
		names[Name(reflect.TypeFor[Figures]().Field(i).Tag.Get("yaml"))] = true
	}
	for _, b := range everything(Defaults()) {
		if !names[b.Name] {
			t.Errorf("%s is no figure", b.Name)
		}
		if NameOf(b.Key) != b.Name {
			t.Errorf("key %s of %s", b.Key, b.Name)
		}
	}
}

func TestLoosened(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Figures)
		want   string
	}{
		{"nothing", func(*Figures) {}, ""},
		{"more allowed", func(f *Figures) { f.Network.Allowed = 31 }, "limits.network: 31 in 10m is looser than 30 in 10m"},
		{"fewer allowed", func(f *Figures) { f.Network.Allowed = 1 }, ""},
		{"shorter window", func(f *Figures) { f.Network.Per = time.Minute }, "limits.network: 30 in 1m is looser than 30 in 10m"},
		{"longer window", func(f *Figures) { f.Network.Per = time.Hour }, ""},
		{"shorter pause", func(f *Figures) { f.Password.Pause = time.Second }, "limits.password: 10 in 15m, pause 1s to 1h, 100 in a row is looser than 10 in 15m, pause 1m to 1h, 100 in a row"},
		{"shorter longest pause", func(f *Figures) { f.TOTP.PauseMax = time.Hour }, "limits.totp: 5 in 15m, pause 15m to 1h, 50 in a row is looser than 5 in 15m, pause 15m to 24h, 50 in a row"},
		{"pause instead of the rest of the window", func(f *Figures) { f.EmailSentDay.Pause, f.EmailSentDay.PauseMax = time.Minute, day }, "limits.email_sent_day: 10 in 24h, pause 1m to 24h is looser than 10 in 24h"},
		{"no end in a row", func(f *Figures) { f.TOTP.InARow = 0 }, "limits.totp: 5 in 15m, pause 15m to 24h is looser than 5 in 15m, pause 15m to 24h, 50 in a row"},
		{"tries", func(f *Figures) { f.EmailCodeTries = 6 }, "limits.email_code_tries: 6 is looser than 5"},
		{"fewer tries", func(f *Figures) { f.EmailCodeTries = 4 }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := Defaults()
			test.change(&f)
			if got := strings.Join(f.Loosened(Defaults()), "\n"); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
