package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"stile/authn"
	"stile/device"
)

// Path returns the path of a file that the configuration names: relative ones
// start at its folder.
func (c *Config) Path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

// DatabaseURL returns the database's URL with the path of an embedded database
// made relative to the process instead of the configuration.
func (c *Config) DatabaseURL() string {
	text := c.Database.Reveal()
	if path, ok := strings.CutPrefix(text, "sqlite:"); ok {
		return "sqlite:" + c.Path(path)
	}
	return text
}

// Validate returns every fault of the configuration, each with the place where
// it was set and what to do, joined.
func (c *Config) Validate() error {
	var faults []error
	check := func(key string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", c.where(key), err))
		}
	}
	check("issuer", checkIssuer(c.Issuer))
	check("listen", checkAddress(c.Listen))
	check("tls", c.checkTLS())
	check("trusted_proxies", checkProxies(c.TrustedProxies))
	check("database", checkDatabase(c.Database.Reveal()))
	check("database_owner", c.checkOwner())
	check("migrate", oneOf(c.Migrate, "auto", "manual"))
	check("master_key", c.checkMasterKey())
	check("mail.smtp", checkSMTP(c.Mail.SMTP))
	check("mail.from", checkMailbox(c.Mail.From))
	if c.Mail.ReplyTo != "" {
		check("mail.reply_to", checkMailbox(c.Mail.ReplyTo))
	}
	if (c.Mail.User == "") != (c.Mail.Password == "") {
		check("mail", errors.New("user and password belong together: set both or neither"))
	}
	if c.Metrics != "" {
		check("metrics", checkAddress(c.Metrics))
		if c.Metrics == c.Listen {
			check("metrics", errors.New("is the address of listen: it must not be public, use another port"))
		}
	}
	for _, f := range fields(c) {
		check(f.key, f.bounds())
	}
	c.checkSignUp(check)
	c.checkPolicy(check)
	check("pages.help", checkLink(c.Pages.Help, "mailto"))
	check("pages.privacy", checkLink(c.Pages.Privacy))
	check("log.level", oneOf(c.Log.Level, "debug", "info", "warn", "error"))
	check("log.format", oneOf(c.Log.Format, "json", "text"))
	if c.Templates.Dir != "" {
		check("templates.dir", checkFolder(c.Path(c.Templates.Dir)))
	}
	return errors.Join(faults...)
}

// where names a key together with the place where it was set.
func (c *Config) where(key string) string {
	if source := c.source(key); source != "default" {
		return source + ": " + key
	}
	return key
}

func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return fmt.Errorf("%q is not a URL: write it such as https://id.example.com", issuer)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(issuer, "#") {
		return fmt.Errorf("%q: leave out everything but scheme, host and port", u.Redacted())
	}
	if u.Path != "" {
		return fmt.Errorf("%q has a path: write %s://%s", issuer, u.Scheme, u.Host)
	}
	if issuer != strings.ToLower(issuer) {
		return fmt.Errorf("%q: write it in lower case: clients compare it letter by letter", issuer)
	}
	if err := checkScheme(u); err != nil {
		return fmt.Errorf("%q: %w", issuer, err)
	}
	return checkIssuerPort(u)
}

func checkScheme(u *url.URL) error {
	switch {
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return errors.New("use https: http is for localhost only, since cookies and codes would travel in clear")
	}
	return errors.New("use https (or http on localhost)")
}

func checkIssuerPort(u *url.URL) error {
	switch port := u.Port(); {
	case strings.HasSuffix(u.Host, ":"), port == "0", port != "" && portNumber(port) != nil:
		return fmt.Errorf("%q: the port is not a number from 1 to 65535", u)
	case u.Scheme == "https" && port == "443", u.Scheme == "http" && port == "80":
		return fmt.Errorf("%q: leave out the port: it is the scheme's own", u)
	}
	return nil
}

func loopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address: write host:port, such as 127.0.0.1:8080 or :8080", address)
	}
	return portNumber(port)
}

func portNumber(port string) error {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	return nil
}

func (c *Config) checkTLS() error {
	if c.TLS.Cert == "" && c.TLS.Key == "" {
		return nil
	}
	if c.TLS.Cert == "" || c.TLS.Key == "" {
		return errors.New("cert and key belong together: set both or neither")
	}
	if !strings.HasPrefix(c.Issuer, "https:") {
		return fmt.Errorf("serves https, but the issuer is %s: write the issuer with https", c.Issuer)
	}
	return nil
}

func checkProxies(networks []netip.Prefix) error {
	for _, n := range networks {
		if n.Bits() == 0 {
			return fmt.Errorf("%s is everybody: anyone could then claim any address; name the proxies' networks", n)
		}
	}
	return nil
}

func checkDatabase(text string) error {
	if path, ok := strings.CutPrefix(text, "sqlite:"); ok {
		if path == "" || strings.ContainsAny(path, "?#\x00") {
			return errors.New("write the path of a file after sqlite: (such as sqlite:stile.db), without ? and #")
		}
		return nil
	}
	if u, err := url.Parse(text); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("write sqlite:PATH or postgres://user:password@host/name") // never quoted: it may hold a password
	}
	return nil
}

func (c *Config) checkOwner() error {
	owner := c.DatabaseOwner.Reveal()
	if owner == "" {
		return nil
	}
	for _, text := range []string{owner, c.Database.Reveal()} {
		if strings.HasPrefix(text, "sqlite:") {
			return errors.New("is for PostgreSQL: an embedded database has no roles")
		}
	}
	if owner == c.Database.Reveal() {
		return errors.New("is database itself: name another role, or leave it out")
	}
	return checkDatabase(owner)
}

func (c *Config) checkMasterKey() error {
	if len(c.MasterKey) == 0 {
		return nil // the file is judged when it is read
	}
	source := c.source(masterKey)
	if i := strings.LastIndexByte(source, ':'); i > 0 && !strings.HasPrefix(source, envPrefix) {
		if err := refuseReadable(source[:i]); err != nil {
			return err
		}
	}
	_, err := ring(c.keyTexts())
	return err
}

func checkSMTP(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return errors.New("write smtp://host:587 or smtps://host:465") // never quoted: it may hold a password
	}
	if u.User != nil {
		return errors.New("holds a user: write it as mail.user, and the password as mail.password or STILE_MAIL__PASSWORD_FILE")
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q: leave out everything but scheme, host and port", text)
	}
	if port := u.Port(); port != "" {
		return portNumber(port)
	}
	return nil
}

func checkMailbox(text string) error {
	if _, err := mail.ParseAddress(text); err != nil {
		return fmt.Errorf("%q is not an address: write no-reply@example.com or Example <no-reply@example.com>", text)
	}
	return nil
}

func checkLink(text string, more ...string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || !slices.Contains(append(more, "https", "http"), u.Scheme) || u.Host == "" && u.Opaque == "" {
		return fmt.Errorf("%q is not a link: write a whole URL, such as https://example.com/help", text)
	}
	return nil
}

func checkFolder(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", path)
	}
	return nil
}

func (c *Config) checkPolicy(check func(string, error)) {
	p := c.Policy
	owner := map[string]string{}
	for _, level := range []struct {
		key   string
		names []string
	}{
		{"policy.levels.password", p.Levels.Password},
		{"policy.levels.mfa", p.Levels.MFA},
		{"policy.levels.phishing_resistant", p.Levels.PhishingResistant},
	} {
		if len(level.names) == 0 {
			check(level.key, errors.New("needs a name: tokens carry it as acr"))
		}
		for _, name := range level.names {
			if strings.ContainsAny(name, " \t\r\n\"\\") || name == "" {
				check(level.key, fmt.Errorf("%q: a name holds neither spaces nor quotes", name))
			}
			if other, taken := owner[name]; taken {
				check(level.key, fmt.Errorf("%q is a name of %s too: one name, one level", name, other))
			}
			owner[name] = level.key
		}
	}
	if p.Session.Idle > p.Session.Absolute {
		check("policy.session.idle", errors.New("is longer than policy.session.absolute"))
	}
	if p.Session.TwoStepIdle > p.Session.TwoStepAbsolute {
		check("policy.session.two_step_idle", errors.New("is longer than policy.session.two_step_absolute"))
	}
	if p.Refresh.Idle > p.Refresh.Absolute {
		check("policy.refresh.idle", errors.New("is longer than policy.refresh.absolute"))
	}
	check("policy.reenrolment", oneOf(p.Reenrolment, "email", "recovery-code", "admin"))
	if p.TrustedDays < 0 || p.TrustedDays > authn.MaxTrustDays {
		check("policy.trusted_browser_days", fmt.Errorf("%d: use 0 to %d", p.TrustedDays, authn.MaxTrustDays))
	}
	_, err := device.Parse(p.ClientVersion, p.ClientBuild)
	check("policy.client_version", err)
}

func oneOf(value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%q: use %s", value, strings.Join(allowed, " or "))
}
