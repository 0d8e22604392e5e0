// Package config reads what an operator sets: defaults, then config.yaml, then
// the environment.
//
// [Config] is the documentation: each field's tags hold its key (yaml), its
// default, its comment (doc) and whether it is a secret, and the commented
// config.yaml at the top of the repository is made from them. To add a key, add
// a field with its tags and run go generate; loading, environment variables,
// origins, redaction and the file follow.
//
// An environment variable is STILE_ and the path of the key in capitals with __
// between levels (STILE_MAIL__PASSWORD); with _FILE at the end it names a file
// that holds the value. Lists are separated by commas there.
package config

import (
	"net/netip"
	"time"

	"stile/limit"
	"stile/seal"
)

//go:generate go test -run=TestConfigFile -update .

// Config is everything that an operator can set. Use [Load], or [Default] and
// the fields; relative paths in it are relative to Dir.
type Config struct {
	Issuer         string         `yaml:"issuer" default:"http://localhost:8080" show:"true" doc:"Public URL of this provider, without a path: https, or http on a loopback name.\nClients compare it letter by letter: choose it once."`
	Listen         string         `yaml:"listen" default:"127.0.0.1:8080" show:"true" doc:"Address to serve on, as host:port."`
	TLS            TLS            `yaml:"tls" doc:"Certificate with which to serve https without a proxy in front. Files that change are read again."`
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" doc:"Networks of reverse proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8."`
	Database       seal.Secret    `yaml:"database" default:"sqlite:stile.db" secret:"url" show:"true" doc:"sqlite:PATH for one machine, or postgres://user:password@host/name."`
	DatabaseOwner  seal.Secret    `yaml:"database_owner" secret:"url" doc:"The same PostgreSQL database as another role, which owns the tables: migrations and pruning use it, and the role\nof database can then only add to the audit log and read it. Empty: one role does all."`
	Migrate        string         `yaml:"migrate" default:"auto" doc:"auto brings the database to this version at start, manual leaves that to 'stile migrate'."`
	MasterKey      []seal.Secret  `yaml:"master_key" secret:"value" doc:"What seals secrets at rest: a list of name:key, each key 32 random bytes in base64 (openssl rand -base64 32).\nThe first one seals, all open. Without it the file master.key beside this one is used, one name:key a line;\nit is made when the database is empty. Keep a copy away from the database's backup: neither is of use without the other."`
	Mail           Mail           `yaml:"mail"`
	Limits         limit.Figures  `yaml:"limits" doc:"Bounds on guessing and on mail, each written as times in a window, then where it has them the pause\nthat follows and how many without a success have a further consequence. Looser ones are logged at start."`
	Outbound       []netip.Prefix `yaml:"outbound" doc:"Networks besides the public internet in which URLs of clients may lie."`
	Metrics        string         `yaml:"metrics" doc:"Address of a second listener with /metrics, /healthz, /readyz and /debug/pprof, such as 127.0.0.1:9090.\nIt is not for the public. Empty: none."`
	SignUp         SignUp         `yaml:"sign_up" doc:"Who may sign up: the account, by name or id, of each e-mail domain, such as {example.com: Example Support}.\nWhoever has a mailbox there becomes a member of that account; a subdomain is a domain of its own. Empty: nobody signs up,\npeople are invited. In STILE_SIGN_UP it is example.com=ID, with commas between."`
	Policy         Policy         `yaml:"policy" doc:"What holds for all accounts unless their own policy says otherwise."`
	Pages          Pages          `yaml:"pages" doc:"What all pages and mails say about this installation."`
	Templates      Templates      `yaml:"templates"`
	Audit          Audit          `yaml:"audit"`
	Log            Log            `yaml:"log"`

	// Dir is the folder that relative paths start from: that of config.yaml.
	Dir string `yaml:"-"`

	origins map[string]Origin
}

// TLS names the files of the certificate. Both or neither.
type TLS struct {
	Cert string `yaml:"cert" doc:"File with the certificate and its chain, PEM."`
	Key  string `yaml:"key" doc:"File with its private key, PEM."`
}

// Mail says how messages leave.
type Mail struct {
	SMTP     string      `yaml:"smtp" default:"smtp://localhost:25" show:"true" doc:"Mail server: smtp://host:587 (STARTTLS, required unless the host is loopback) or smtps://host:465."`
	From     string      `yaml:"from" default:"Stile <no-reply@localhost>" show:"true" doc:"Sender of all messages."`
	ReplyTo  string      `yaml:"reply_to" doc:"Where answers go, such as a help desk."`
	User     string      `yaml:"user" doc:"User name at the mail server, if it asks for one."`
	Password seal.Secret `yaml:"password" secret:"value" doc:"Password at the mail server. Better given as STILE_MAIL__PASSWORD_FILE than here."`
}

// Policy holds the defaults of all accounts.
type Policy struct {
	Levels        Levels        `yaml:"levels" doc:"Names (acr) of what a sign-in has proven. The first name of each is ours, the others are\naliases that clients may ask for and are then answered with."`
	Session       Session       `yaml:"session" doc:"How long a browser stays signed in: idle since the user's last request, and in all."`
	Refresh       Refresh       `yaml:"refresh" doc:"How long a client can refresh its tokens: idle since the last time, and in all."`
	ClientVersion string        `yaml:"client_version" default:"4.3" doc:"Client version and build that every device group must have before an account can require two-step verification."`
	ClientBuild   int           `yaml:"client_build" default:"1575"`
	Reenrolment   string        `yaml:"reenrolment" default:"email" doc:"What replaces a lost authenticator besides the password: email, recovery-code or admin."`
	TrustedDays   int           `yaml:"trusted_browser_days" default:"0" doc:"For how many days a browser can be trusted from a code on, so that the account's policy asks for no code there;\nat most 30, 0 for not at all. Tokens never speak of a code that was not given."`
	Cooldown      time.Duration `yaml:"cooldown" default:"24h" max:"30d" doc:"How long an authenticator that replaced a lost one without its code opens no sensitive acts; 0s for not at all."`
}

// Levels names the three levels.
type Levels struct {
	Password          []string `yaml:"password" default:"urn:stile:acr:password, https://refeds.org/profile/sfa"`
	MFA               []string `yaml:"mfa" default:"urn:stile:acr:mfa, https://refeds.org/profile/mfa"`
	PhishingResistant []string `yaml:"phishing_resistant" default:"phr, phrh"`
}

// Session bounds sessions in browsers.
type Session struct {
	Idle            time.Duration `yaml:"idle" default:"8h" min:"1m" max:"30d" doc:"With a password only; at most 30d in all."`
	Absolute        time.Duration `yaml:"absolute" default:"7d" min:"1m" max:"30d"`
	TwoStepIdle     time.Duration `yaml:"two_step_idle" default:"1h" min:"1m" max:"24h" doc:"With a second factor; at most 24h in all."`
	TwoStepAbsolute time.Duration `yaml:"two_step_absolute" default:"12h" min:"1m" max:"24h"`
}

// Refresh bounds refresh tokens.
type Refresh struct {
	Idle            time.Duration `yaml:"idle" default:"14d" min:"1m" max:"365d"`
	Absolute        time.Duration `yaml:"absolute" default:"90d" min:"1m" max:"365d"`
	TwoStepAbsolute time.Duration `yaml:"two_step_absolute" default:"30d" min:"1m" max:"365d" doc:"In accounts that require two-step verification."`
}

// Pages holds what all pages have in common.
type Pages struct {
	Service string `yaml:"service" doc:"Display name of the installation. Empty: Stile."`
	Help    string `yaml:"help" doc:"Link to help in the footer: a URL, or mailto:address."`
	Privacy string `yaml:"privacy" doc:"Link to the privacy notice in the footer."`
}

// Audit says how long events are kept.
type Audit struct {
	Keep time.Duration `yaml:"keep" default:"400d" min:"1d" max:"3650d" doc:"How long events of the audit log are kept."`
}

// Templates names a folder that overlays the built-in pages.
type Templates struct {
	Dir string `yaml:"dir" doc:"Folder whose files take the place of the built-in pages, mails and styles of the same name."`
}

// Log says what is written to standard error.
type Log struct {
	Level  string `yaml:"level" default:"info" doc:"debug, info, warn or error."`
	Format string `yaml:"format" default:"json" doc:"json or text."`
}
