package limit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	stranger = Visitor{Network: netip.MustParseAddr("203.0.113.7")}
	owner    = Visitor{Network: netip.MustParseAddr("203.0.113.7"), Known: "browser"}
)

func everything(f Figures) []Booking {
	return slices.Concat(
		f.BookPassword("hash", stranger), f.BookPassword("hash", owner), f.BookTOTP("ann", "app", stranger), f.BookTOTP("ann", "app", owner),
		f.BookSetupCode("ann", "app"), f.BookEmailCode("ann", stranger), f.BookEmailSent("ann", "acme", stranger), f.BookEmailSent("ann", "acme", owner),
		f.BookRecovery("ann", stranger), f.BookClient("console", stranger.Network))
}

// Each line is what one attempt is booked on, and what a success does to it.
func TestWhatIsBooked(t *testing.T) {
	f := Defaults()
	networks := []string{
		"network|203.0.113.7/32: 30 in 10m, late; success offsets", "network_hour|203.0.113.7/32: 100 in 1h, late; success offsets",
		"network|203.0.113.0/24: 300 in 10m, late; success offsets", "network_hour|203.0.113.0/24: 1000 in 1h, late; success offsets",
	}
	verified := stranger
	verified.Verified = true
	opened := stranger
	opened.Opened = "browser"
	for _, test := range []struct {
		name string
		got  []Booking
		want []string
	}{
		{"I02 password, unknown browser", f.BookPassword("hash", stranger), append(slices.Clone(networks),
			// The one after those that are allowed is the first that isn't judged.
			"password|hash: 10 in 15m, pause 1m to 1h, 101 in a row; success resets")},
		{"I02 password, link opened in this browser: a count of its own", f.BookPassword("hash", opened)[4:], []string{
			"password_known_browser|hash|browser: 10 in 15m, pause 1m to 1h; success resets",
		}},
		{"I02 link", f.BookLink("password-reset", "hash", stranger), []string{
			"link_hour|password-reset|hash: 3 in 1h; success stays", "link_day|password-reset|hash: 10 in 24h; success stays",
			"link_network|203.0.113.7/32: 20 in 1h; success stays", "link_network|203.0.113.0/24: 200 in 1h; success stays",
		}},
		{"I02 password, known browser: nobody else counts there", f.BookPassword("hash", owner), []string{
			"password_known_browser|hash|browser: 10 in 15m, pause 1m to 1h; success resets",
		}},
		{"K04 code, unknown browser", f.BookTOTP("ann", "app", stranger), append(slices.Clone(networks),
			"totp|ann|app: 5 in 15m, pause 15m to 24h, 50 in a row; success resets",
			"totp_month|ann: 100 in 30d; success refunds",
			"totp_exposed|ann: 10 in 24h, watch; success resets")},
		{"K04 code, known browser: the same count", f.BookTOTP("ann", "app", owner), []string{
			"totp|ann|app: 5 in 15m, pause 15m to 24h, 50 in a row; success resets",
			"totp_month|ann: 100 in 30d, watch; success refunds",
		}},
		{"code, unknown browser, e-mail code entered", f.BookTOTP("ann", "app", verified)[4:], []string{
			"totp|ann|app: 5 in 15m, pause 15m to 24h, 50 in a row; success resets",
			"totp_month|ann: 100 in 30d, watch; success refunds",
			"totp_exposed|ann: 10 in 24h, watch; success resets",
		}},
		{"setup code", f.BookSetupCode("ann", "new app"), []string{
			"totp|ann|new app: 5 in 15m, pause 15m to 24h; success resets",
		}},
		{"J01 e-mail code", f.BookEmailCode("ann", stranger)[4:], []string{
			"email_code_hour|ann: 10 in 1h; success refunds", "email_code_day|ann: 20 in 24h; success refunds", "email_code_month|ann: 60 in 30d; success refunds",
		}},
		{"J04 message, unknown browser", f.BookEmailSent("ann", "acme", stranger), []string{
			"email_sent_network|203.0.113.7/32: 20 in 1h; success stays", "email_sent_network|203.0.113.0/24: 200 in 1h; success stays",
			"email_sent_gap|ann: 1 in 30s; success stays", "email_sent_hour|ann: 5 in 1h; success stays", "email_sent_day|ann: 10 in 24h; success stays",
			"email_sent_account|acme: 200 in 1h; success stays",
		}},
		{"J04 message, known browser", f.BookEmailSent("ann", "acme", owner), []string{
			"email_sent_gap|ann|browser: 1 in 30s; success stays", "email_sent_hour|ann|browser: 5 in 1h; success stays", "email_sent_day|ann|browser: 10 in 24h; success stays",
			"email_sent_account|acme: 200 in 1h; success stays",
		}},
		{"recovery code", f.BookRecovery("ann", owner), []string{
			"recovery_hour|ann: 5 in 1h; success refunds", "recovery_day|ann: 20 in 24h; success refunds",
		}},
		{"D06 client", f.BookClient("console", stranger.Network), []string{
			"client_network|console|203.0.113.7/32: 20 in 1m; success stays", "client|console: 200 in 1m; success stays",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, b := range test.got {
				got = append(got, text(b))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func text(b Booking) string {
	s := fmt.Sprintf("%s: %v", b.Key, b.Figure)
	if b.Late {
		s += ", late"
	}
	if b.Watch {
		s += ", watch"
	}
	return s + "; success " + []string{"stays", "refunds", "resets", "offsets"}[b.Success]
}

func TestP02_NetworksOfAddresses(t *testing.T) {
	for _, test := range []struct{ address, own, around string }{
		{"203.0.113.7", "203.0.113.7/32", "203.0.113.0/24"},
		{"::ffff:203.0.113.7", "203.0.113.7/32", "203.0.113.0/24"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"2001:db8:1:2:ffff::1", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"fe80::1%eth0", "fe80::/64", "fe80::/48"},
		{"::1", "::/64", "::/48"},
	} {
		got := networks(netip.MustParseAddr(test.address))
		if len(got) != 2 || got[0].text != test.own || got[1].text != test.around || got[0].times != 1 || got[1].times != 10 {
			t.Errorf("%s: %v", test.address, got)
		}
	}
	if got := networks(netip.Addr{}); len(got) != 1 || got[0].text != "unknown" {
		t.Errorf("no address: %v", got)
	}
}

func TestAfterwards(t *testing.T) {
	bookings := Defaults().BookTOTP("ann", "app", stranger)
	const network, hour, around, aroundHour = "network|203.0.113.7/32", "network_hour|203.0.113.7/32", "network|203.0.113.0/24", "network_hour|203.0.113.0/24"
	if got, want := Success(bookings), []Back{
		{Key: network, By: 1},
		{Key: hour, By: 1},
		{Key: around, By: 1},
		{Key: aroundHour, By: 1},
		{Key: "totp|ann|app", Reset: true},
		{Key: "totp_month|ann", By: 1},
		{Key: "totp_exposed|ann", Reset: true},
	}; !slices.Equal(got, want) {
		t.Errorf("success gives back %v", got)
	}
	if got, want := Undo(bookings), []Back{{Key: "totp|ann|app", By: 1}, {Key: "totp_month|ann", By: 1}, {Key: "totp_exposed|ann", By: 1}}; !slices.Equal(got, want) {
		t.Errorf("a spent code gives back %v", got)
	}
	late := Failure(bookings)
	if len(late) != 4 || late[0].Key != network || late[0].Late || !bookings[0].Late {
		t.Errorf("a failure books %v", late)
	}
	if got := Success(Defaults().BookEmailSent("ann", "acme", stranger)); got != nil {
		t.Errorf("a message gives back %v", got)
	}
}

func TestMemory(t *testing.T) {
	f := Defaults()
	for _, test := range []struct {
		figure Figure
		want   time.Duration
	}{
		{f.Network, 10 * time.Minute}, {f.PasswordKnown, time.Hour}, {f.Password, 30 * day}, {f.TOTP, 30 * day}, {f.TOTPMonth, 30 * day},
	} {
		if got := (Booking{Figure: test.figure}).Memory(); got != test.want {
			t.Errorf("%v is remembered for %v, want %v", test.figure, got, test.want)
		}
	}
}
