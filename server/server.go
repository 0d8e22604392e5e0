// Package server builds the program from its configuration and runs it. It is
// the only place that knows every package.
//
//	database.go     opens the database with the master key, and migrates it
//	server.go       builds the services and mounts them on one router
//	serve.go        listens, drains, ends
//	connections.go  how many connections there may be
//	jobs.go         what runs beside the requests: mail, keys, clearing out, sealing the audit log
//	watch.go        whether the database answers, and what holds while it doesn't
//	health.go       alive, ready
//	metrics.go      the second listener, for operators
//	log.go          a log that holds nobody up
//	certificate.go  serves https itself, with a certificate that may change
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"stile/account"
	"stile/admin"
	"stile/api"
	"stile/authn"
	"stile/config"
	"stile/factor"
	"stile/login"
	"stile/mail"
	"stile/manage"
	"stile/op"
	"stile/seal"
	"stile/session"
	"stile/signin"
	"stile/storage"
	"stile/templates"
	"stile/token"
	"stile/web"
	"stile/welcome"
)

// Seams are what tests replace. The zero value is for everyone else.
type Seams struct {
	Now  func() time.Time // the system's clock if nil
	Mail mail.Sender      // SMTP as configured if nil
	Logs io.Writer        // standard error if nil
}

// Server is one running instance of Stile.
type Server struct {
	cfg     *config.Config
	now     func() time.Time
	log     *slog.Logger
	db      *storage.DB
	tokens  *token.Issuer
	manage  *manage.Service
	signIns *signin.Service
	sender  mail.Sender
	outbox  *mail.Worker
	watch   *watch
	metrics *metrics
	health  *health
	logs    *logWriter
	handler http.Handler
}

// New opens the database, brings it to this version unless that is left to the
// operator, and builds everything that answers requests. It listens on nothing.
// Errors say what is wrong, where, and what to do.
func New(ctx context.Context, cfg *config.Config, seams Seams) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, now: clock(seams.Now)}
	s.log, s.logs = newLog(cfg.Log, seams.Logs)
	slog.SetDefault(s.log) // libraries log through it
	db, ring, err := PrepareDatabase(ctx, cfg, s.now, s.log)
	if err != nil {
		return nil, errors.Join(err, s.logs.Close())
	}
	s.db = db
	if err := s.build(ctx, ring, seams); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) build(ctx context.Context, ring *seal.Ring, seams Seams) error {
	if err := migrated(ctx, s.cfg, s.db); err != nil {
		return err
	}
	set, err := templates.Load(s.cfg.Path(s.cfg.Templates.Dir))
	if err != nil {
		return err
	}
	hasher := s.db.Hasher()
	kit, err := web.New(web.Options{
		Issuer: s.cfg.Issuer, Templates: set, Hasher: hasher, Ring: ring, Logger: s.log, Now: s.now,
		TrustedProxies: s.cfg.TrustedProxies, Service: s.cfg.Pages.Service, Help: s.cfg.Pages.Help, Privacy: s.cfg.Pages.Privacy,
	})
	if err != nil {
		return err
	}
	passwords, err := factor.NewPasswords(hasher, factor.PasswordOptions{Now: s.now})
	if err != nil {
		return err
	}
	s.tokens = token.New(s.db, s.cfg.Issuer, s.now)
	if err := s.tokens.Rotate(ctx); err != nil { // from here on they are in memory, whatever becomes of the database
		return err
	}
	s.manage = manage.New(s.db, s.cfg.Issuer, s.cfg.Pages.Service, s.now)
	notices := mail.Notices{Issuer: s.cfg.Issuer, Service: s.cfg.Pages.Service, Now: s.now}
	sessions := &session.Manager{DB: s.db, Kit: kit, Now: s.now}
	s.signIns = signin.New(signin.Options{
		DB: s.db, Hasher: hasher, Ring: ring, Passwords: passwords, Limits: s.cfg.Limits, Now: s.now,
		Issuer: s.cfg.Issuer, Name: displayName(s.cfg), Service: s.cfg.Pages.Service, SignUp: s.cfg.SignUp.Canonical(), Logger: s.log,
	})
	provider := &op.Provider{
		DB: s.db, Ring: ring, Sessions: sessions, SignIns: s.signIns, Tokens: s.tokens, Kit: kit,
		Issuer: s.cfg.Issuer, Notices: notices, Levels: levels(s.cfg.Policy.Levels), Limits: s.cfg.Limits, Now: s.now, Logger: s.log,
	}
	screens := &login.Handler{Kit: kit, SignIns: s.signIns, Sessions: sessions, Templates: set}
	center, err := s.adminCenter(ctx, kit, sessions)
	if err != nil {
		return err
	}

	if s.sender = seams.Mail; s.sender == nil {
		if s.sender, err = smtp(s.cfg, set, s.now); err != nil {
			return err
		}
	}
	s.outbox = &mail.Worker{Outbox: s.db, Sender: s.sender, Now: s.now, Logger: s.log}
	s.watch = newWatch(s.db, kit, s.log, instance())
	s.health = newHealth(s.watch, s.now)

	r := mux.NewRouter().SkipClean(true) // its redirect of unclean paths would turn a POST into a GET
	if s.cfg.Metrics != "" {
		s.metrics = newMetrics(s.db) //nolint:contextcheck // what it counts is asked for much later
		r.Use(s.metrics.count)
	}
	r.Use(s.watch.guard, s.wakeOutbox)
	r.Handle("/healthz", http.HandlerFunc(s.health.alive)).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/readyz", http.HandlerFunc(s.health.ready)).Methods(http.MethodGet, http.MethodHead)
	provider.Mount(r)
	screens.Mount(r)
	(&account.Handler{
		Kit: kit, DB: s.db, Sessions: sessions, SignIns: s.signIns, Passwords: passwords, Notices: notices, Limit: s.cfg.Limits.Authorize, Now: s.now,
	}).Mount(r)
	(&welcome.Handler{Kit: kit, DB: s.db, SignIns: s.signIns, Sessions: sessions, Notices: notices, Limits: s.cfg.Limits}).Mount(r)
	center.Mount(r) //nolint:contextcheck // requests bring contexts of their own
	machines, err := s.machineAPI(kit, provider)
	if err != nil {
		return err
	}
	machines.Mount(r)
	if err := nameRoutes(r); err != nil {
		return err
	}
	r.NotFoundHandler = kit.NotFound()
	r.MethodNotAllowedHandler = kit.MethodNotAllowed()
	if s.metrics != nil { // no route matched, so the router's middleware does not see them
		r.NotFoundHandler, r.MethodNotAllowedHandler = s.metrics.count(r.NotFoundHandler), s.metrics.count(r.MethodNotAllowedHandler)
	}
	s.handler = kit.Chain(r)
	return nil
}

// adminCenter makes the Admin Center, which is a client of this very server.
func (s *Server) adminCenter(ctx context.Context, kit *web.Kit, sessions *session.Manager) (*admin.Center, error) {
	acr := levels(s.cfg.Policy.Levels).Names[authn.LevelMFA]
	if err := admin.Register(ctx, s.db, s.cfg.Issuer, acr); err != nil {
		return nil, err
	}
	return admin.New(admin.Options{
		Kit: kit, Sessions: sessions, Manage: s.manage,
		Issuer: s.cfg.Issuer, ACR: acr, SID: s.tokens.SID, Self: s.Handler, Limit: s.cfg.Limits.Authorize, Now: s.now,
	})
}

// machineAPI makes the API of accounts, whose tokens the provider judges.
func (s *Server) machineAPI(kit *web.Kit, provider *op.Provider) (*api.API, error) {
	return api.New(api.Options{
		DB: s.db, Manage: manage.New(s.db, s.cfg.Issuer, s.cfg.Pages.Service, s.now), Kit: kit,
		Issuer: s.cfg.Issuer, ACR: levels(s.cfg.Policy.Levels).Names[authn.LevelMFA], Limit: s.cfg.Limits.Authorize,
		Judge: func(ctx context.Context, token string) (api.Bearer, error) {
			b, err := provider.Bearer(ctx, token)
			switch {
			case errors.Is(err, op.ErrBearer):
				err = api.ErrBearer
			case errors.Is(err, op.ErrBearerEvidence):
				err = api.ErrEvidence
			}
			return api.Bearer{Client: b.Client, Scopes: b.Scopes, Person: b.Person, Evidence: b.Evidence}, err
		},
		Now: s.now, Logger: s.log,
	})
}

// Handler answers all requests.
func (s *Server) Handler() http.Handler { return s.handler }

// DB returns the database of the server.
func (s *Server) DB() *storage.DB { return s.db }

// Close closes the database. Call it after Serve has returned, or instead of it.
func (s *Server) Close() error {
	if c, ok := s.sender.(io.Closer); ok {
		_ = c.Close()
	}
	return errors.Join(s.db.Close(), s.logs.Close())
}

// wakeOutbox is middleware: the mail that a sign-in screen or a page of My
// Account has caused leaves at once. The password's screen causes none.
func (s *Server) wakeOutbox(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		part, screen, _ := strings.Cut(routeName(r), ".")
		if (part == "login" && screen != "sign-in" || part == "account" || part == "welcome") && r.Method == http.MethodPost {
			s.outbox.Wake()
		}
	})
}

// instance names this process among its replicas.
func instance() string {
	host, _ := os.Hostname()
	return host + "/" + strconv.Itoa(os.Getpid()) + "/" + rand.Text()[:8]
}

func smtp(cfg *config.Config, set *templates.Set, now func() time.Time) (mail.Sender, error) {
	return mail.NewSMTP(mail.Options{
		URL: cfg.Mail.SMTP, From: cfg.Mail.From, ReplyTo: cfg.Mail.ReplyTo, User: cfg.Mail.User, Password: cfg.Mail.Password,
		Issuer: cfg.Issuer, Templates: set, Now: now,
	})
}

// displayName is what authenticator apps show before the address: the service's
// name, with the host where that tells two installations apart.
func displayName(cfg *config.Config) string {
	if cfg.Pages.Service != "" {
		return cfg.Pages.Service
	}
	if u, err := url.Parse(cfg.Issuer); err == nil && u.Hostname() != "localhost" {
		return "Stile (" + u.Hostname() + ")"
	}
	return "Stile"
}

// levels gives the provider the acr names that are configured: of each level
// the first is its name, the others are aliases.
func levels(c config.Levels) op.Levels {
	l := op.Levels{Names: map[authn.Level]string{}, Aliases: map[string]authn.Level{}}
	for level, names := range map[authn.Level][]string{
		authn.LevelPassword: c.Password, authn.LevelMFA: c.MFA, authn.LevelPhishingResistant: c.PhishingResistant,
	} {
		for i, name := range names {
			if i == 0 {
				l.Names[level] = name
			} else {
				l.Aliases[name] = level
			}
		}
	}
	return l
}
