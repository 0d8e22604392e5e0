package limit

import (
	"fmt"
	"reflect"
	"strconv"
)

// Figures holds every bound by its name. The tags hold the name in the
// configuration, the default and the comment.
type Figures struct {
	Password         Figure `yaml:"password" default:"10 in 15m, pause 1m to 1h, 100 in a row" doc:"Wrong passwords of one address, over all browsers it has not signed in from."`
	PasswordKnown    Figure `yaml:"password_known_browser" default:"10 in 15m, pause 1m to 1h" doc:"Wrong passwords of one address in one browser that it has signed in from: others can't lock it out."`
	Network          Figure `yaml:"network" default:"30 in 10m" doc:"Failures of one network (IPv4 address, IPv6 /64) beyond its successes, from unknown browsers. Ten times that for /24 and /48."`
	NetworkHour      Figure `yaml:"network_hour" default:"100 in 1h" doc:"The same over an hour."`
	TOTP             Figure `yaml:"totp" default:"5 in 15m, pause 15m to 24h, 50 in a row" doc:"Wrong codes of one authenticator; after the last number in a row it is suspended."`
	TOTPMonth        Figure `yaml:"totp_month" default:"100 in 30d" doc:"Wrong codes of one user, whatever was right between. Then an unknown browser needs an e-mail code first."`
	TOTPExposed      Figure `yaml:"totp_exposed" default:"10 in 24h" doc:"Wrong codes after a right password from unknown browsers, after which the password counts as known to others."`
	EmailCodeTries   int    `yaml:"email_code_tries" default:"5" min:"1" doc:"Wrong tries with one e-mail code; then it is void."`
	EmailCodeHour    Figure `yaml:"email_code_hour" default:"10 in 1h" doc:"Wrong e-mail codes of one user."`
	EmailCodeDay     Figure `yaml:"email_code_day" default:"20 in 24h"`
	EmailCodeMonth   Figure `yaml:"email_code_month" default:"60 in 30d"`
	EmailSentGap     Figure `yaml:"email_sent_gap" default:"1 in 30s" doc:"Codes sent by e-mail to one user; a browser that the user has signed in from has its own count."`
	EmailSentHour    Figure `yaml:"email_sent_hour" default:"5 in 1h"`
	EmailSentDay     Figure `yaml:"email_sent_day" default:"10 in 24h"`
	EmailSentNetwork Figure `yaml:"email_sent_network" default:"20 in 1h" doc:"The same from one network, in unknown browsers. Ten times that for /24 and /48."`
	EmailSentAccount Figure `yaml:"email_sent_account" default:"200 in 1h" doc:"The same to one account. Its invitations have as many of their own: those beyond wait for their turn."`
	RecoveryHour     Figure `yaml:"recovery_hour" default:"5 in 1h" doc:"Wrong recovery codes of one user."`
	RecoveryDay      Figure `yaml:"recovery_day" default:"20 in 24h"`
	LinkHour         Figure `yaml:"link_hour" default:"3 in 1h" doc:"Links to one address: for a new password, or to sign in after too many wrong ones. Beyond, the page is the same and nothing is sent."`
	LinkDay          Figure `yaml:"link_day" default:"10 in 24h"`
	LinkNetwork      Figure `yaml:"link_network" default:"20 in 1h" doc:"The same from one network. Ten times that for /24 and /48."`
	Authorize        Figure `yaml:"authorize" default:"1200 in 1m" doc:"Requests of one network to the authorization endpoint. Each replica counts in its own memory."`
	LongRequests     Figure `yaml:"long_requests" default:"60 in 1m" doc:"The same for requests too long for a URL, which are kept in the database."`
	ClientFailures   Figure `yaml:"client_failures" default:"300 in 1m" doc:"Failed authentications from one network, whatever the client. Each replica counts in its own memory."`
	ClientNetwork    Figure `yaml:"client_network" default:"20 in 1m" doc:"Failed authentications of one client from one network."`
	Client           Figure `yaml:"client" default:"200 in 1m" doc:"Failed authentications of one client."`
}

// Defaults returns the figures as shipped.
func Defaults() Figures {
	var f Figures
	for i, v := range f.all() {
		text := reflect.TypeFor[Figures]().Field(i).Tag.Get("default")
		var err error
		switch p := v.(type) {
		case *Figure:
			err = p.UnmarshalText([]byte(text))
		case *int:
			*p, err = strconv.Atoi(text)
		}
		if err != nil {
			panic("limit: default: " + err.Error()) // a fault of this file: TestDefaults finds it
		}
	}
	return f
}

// Loosened says which figures let more through than the defaults, one line
// each, for the log at start.
func (f Figures) Loosened(defaults Figures) []string {
	var lines []string
	than := defaults.all()
	for i, v := range f.all() {
		loose := false
		switch p := v.(type) {
		case *Figure:
			loose = p.looser(*than[i].(*Figure))
		case *int:
			loose = *p > *than[i].(*int)
		}
		if loose {
			name := reflect.TypeFor[Figures]().Field(i).Tag.Get("yaml")
			lines = append(lines, fmt.Sprintf("limits.%s: %v is looser than %v", name, reflect.ValueOf(v).Elem(), reflect.ValueOf(than[i]).Elem()))
		}
	}
	return lines
}

// all returns pointers to the fields in their order.
func (f *Figures) all() []any {
	v := reflect.ValueOf(f).Elem()
	fields := make([]any, v.NumField())
	for i := range fields {
		fields[i] = v.Field(i).Addr().Interface()
	}
	return fields
}
