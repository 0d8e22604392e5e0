package storagetest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
)

// Each runs a test on each engine, in a house of its own.
func Each(t *testing.T, test func(t *testing.T, h *House)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, NewHouse(t, Embedded.Fresh(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, NewHouse(t, Server.Fresh(t))) })
}

// House is a database with somebody in it.
type House struct {
	URL     string
	DB      *storage.DB
	Clock   *Clock
	Account storage.Account
	User    storage.User
	Client  storage.Client

	// Of the test that runs, for [Changes].
	Session storage.Session
	GrantID string

	raw  *sql.DB
	tag  string // makes names different from those of other processes
	last int
}

// NewHouse fills an empty database with an account of which two-step
// verification is not required, a user and a public client with refresh tokens.
func NewHouse(t testing.TB, url string) *House {
	t.Helper()
	h := &House{URL: url, Clock: NewClock(), raw: Raw(t, url), tag: random()}
	h.raw.SetMaxOpenConns(1)
	h.DB = h.Open(t)
	ctx := t.Context()
	var err error
	h.Account, err = h.DB.CreateAccount(ctx, storage.Account{Name: "Example Support", Language: "en", TimeZone: "Europe/Berlin"}, By)
	must(t, err)
	h.User = h.NewUser(t, "agent@example.com")
	h.Client, err = h.DB.CreateClient(ctx, storage.Client{ID: "desktop", Metadata: storage.Metadata{
		Name: "Desktop", ApplicationType: storage.TypeNative, RedirectURIs: []string{"http://127.0.0.1/callback"},
		GrantTypes: []string{storage.GrantCode, storage.GrantRefresh}, ResponseTypes: []string{"code"},
		TokenEndpointAuthMethod: storage.AuthNone, Scope: "openid offline_access",
	}}, By)
	must(t, err)
	return h
}

// NewUser adds a user to the account.
func (h *House) NewUser(t testing.TB, email string) storage.User {
	t.Helper()
	u, err := h.DB.CreateUser(t.Context(), storage.User{AccountID: h.Account.ID, Email: email, Name: "Alex Agent", Password: "$argon2id$of-no-use"}, By)
	must(t, err)
	return u
}

// Open opens a further handle, as another replica has one.
func (h *House) Open(t testing.TB) *storage.DB {
	t.Helper()
	return Open(t, h.URL, h.Clock.Now)
}

// Count returns the one number that a query gives.
func (h *House) Count(t testing.TB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	must(t, h.raw.QueryRowContext(context.WithoutCancel(t.Context()), query, args...).Scan(&n))
	return n
}

// Person reads the house's user.
func (h *House) Person(t testing.TB) storage.Person {
	t.Helper()
	p, err := h.DB.PersonByID(t.Context(), h.User.ID)
	must(t, err)
	return p
}

// Name returns a text that was not there before.
func (h *House) Name(kind string) string {
	h.last++
	return fmt.Sprintf("%s-%s-%d", kind, h.tag, h.last)
}

// Key returns the key of a sign-in that was not there before.
func (h *House) Key() storage.SignInKey {
	return storage.SignInKey{ID: h.Name("request"), Binding: h.Name("binding")}
}

// PendingSignIn is a sign-in of a user as it begins now, before it is stored.
func (h *House) PendingSignIn(p storage.Person, key storage.SignInKey) storage.SignIn {
	now := h.Clock.Now()
	proof := authn.Proof{Method: authn.Password, At: now, Authenticator: authn.PasswordID(p.User.PasswordVersion)}
	return storage.SignIn{
		Key: key, AccountID: p.User.AccountID, UserID: p.User.ID, Epoch: p.User.Epoch, Label: "KF",
		Progress:  authn.Progress{Started: now, Evidence: authn.Evidence{proof}},
		StartedAt: now, ExpiresAt: now.Add(10 * time.Minute),
	}
}

// Begin proves the password in a new sign-in of the house's user.
func (h *House) Begin(t testing.TB) storage.SignIn {
	t.Helper()
	return h.beginAs(t, h.User.ID)
}

// beginAs proves the password of any user.
func (h *House) beginAs(t testing.TB, userID string) storage.SignIn {
	t.Helper()
	p, err := h.DB.PersonByID(t.Context(), userID)
	must(t, err)
	s, err := h.DB.ProvePassword(t.Context(), storage.PasswordProof{SignIn: h.PendingSignIn(p, h.Key()), Event: Event(audit.ProofAccepted)})
	must(t, err)
	return s
}

// Connect stores a pending authenticator in a sign-in.
func (h *House) Connect(t testing.TB, s storage.SignIn) storage.SignIn {
	t.Helper()
	s.Secrets = h.pending()
	s, err := h.DB.SaveProgress(t.Context(), s)
	must(t, err)
	return s
}

// Activation of the authenticator that waits in s.
func (h *House) Activation(s storage.SignIn) storage.Activation {
	id := s.Secrets.AuthenticatorID
	s.Progress = s.Progress.Activate(authn.Policy{}, id, h.Clock.Now())
	s.Secrets = storage.SignInSecrets{Recovery: []string{"shown-once"}}
	return storage.Activation{
		SignIn: s, Step: 1000, Recovery: storage.RecoverySet{Salt: []byte("salt"), Hashes: []string{id + "-a", id + "-b"}},
		Mails: []storage.Mail{{Kind: "authenticator-connected", To: "agent@example.com"}}, Event: Event(audit.AuthenticatorAdded),
	}
}

// Enrol gives the house's user an authenticator app, in a sign-in that ends
// there, and returns its id.
func (h *House) Enrol(t testing.TB) string {
	t.Helper()
	must(t, h.enrol(t.Context(), h.DB))
	return h.Person(t).TOTP.ID
}

func (h *House) enrol(ctx context.Context, db *storage.DB) error {
	s, err := h.connect(ctx, db)
	if err == nil {
		_, err = db.ActivateTOTP(ctx, h.Activation(s))
	}
	return err
}

// connect goes through a sign-in up to the setup code.
func (h *House) connect(ctx context.Context, db *storage.DB) (storage.SignIn, error) {
	p, err := db.PersonByID(ctx, h.User.ID)
	if err != nil {
		return storage.SignIn{}, err
	}
	s, err := db.ProvePassword(ctx, storage.PasswordProof{SignIn: h.PendingSignIn(p, h.Key()), Event: Event(audit.ProofAccepted)})
	if err != nil {
		return storage.SignIn{}, err
	}
	s.Secrets = h.pending()
	return db.SaveProgress(ctx, s)
}

// keyOf is the key that the authenticator of an id has in tests.
func keyOf(id string) []byte { return []byte("key of " + id) }

// pending makes a key that waits for its first code.
func (h *House) pending() storage.SignInSecrets {
	id := h.Name("authenticator")
	return storage.SignInSecrets{TOTPKey: keyOf(id), AuthenticatorID: id, TOTPUntil: h.Clock.Now().Add(30 * time.Minute)}
}

// Completion of a sign-in in a new session of a new browser.
func (h *House) Completion(s storage.SignIn) storage.Completion {
	now := h.Clock.Now()
	return storage.Completion{
		SignIn: s, Evidence: s.Progress.Completed(now, nil), NewBrowser: h.Name("browser"),
		ExpiresAt: now.Add(12 * time.Hour), Network: "192.0.2.1", UserAgent: "Firefox", Event: Event(audit.SignInSucceeded),
	}
}

// SignedIn gives the house's user a session, with the password alone.
func (h *House) SignedIn(t testing.TB) storage.Session {
	t.Helper()
	s, err := h.DB.CompleteSignIn(t.Context(), h.Completion(h.Begin(t)))
	must(t, err)
	return s
}

// Issue is a code for the house's client, from a session.
func (h *House) Issue(t testing.TB, s storage.Session) storage.Issue {
	t.Helper()
	p := h.Person(t)
	c, err := h.DB.Client(t.Context(), h.Client.ID)
	must(t, err)
	return storage.Issue{
		Grant: storage.Grant{
			AccountID: s.AccountID, ClientID: c.ID, UserID: s.UserID, SessionID: s.ID, RequestID: h.Name("request"),
			Scope: "openid", Evidence: s.Evidence, ACR: s.Evidence.Level().String(),
			Code: storage.Code{RedirectURI: "http://127.0.0.1/callback", Challenge: "challenge", ExpiresAt: h.Clock.Now().Add(time.Minute)},
		},
		CodeHash: h.Name("code"), Epoch: p.User.Epoch, PolicyVersion: p.Policy.Version, ClientVersion: c.Version, Event: Event(audit.GrantIssued),
	}
}

// Code issues a code from a session and returns its hash.
func (h *House) Code(t testing.TB, s storage.Session) string {
	t.Helper()
	i := h.Issue(t, s)
	_, err := h.DB.IssueCode(t.Context(), i)
	must(t, err)
	return i.CodeHash
}

// Redeem accepts a code with a refresh token.
func (h *House) Redeem(access string) func(storage.GrantView) (storage.Redemption, error) {
	return func(storage.GrantView) (storage.Redemption, error) {
		now := h.Clock.Now()
		return storage.Redemption{
			AccessHash: access, AccessScope: "openid", AccessUntil: now.Add(5 * time.Minute), Refresh: true,
			IdleAt: now.Add(14 * 24 * time.Hour), ExpiresAt: now.Add(90 * 24 * time.Hour), Event: Event(audit.GrantRedeemed),
		}, nil
	}
}

// Rotate accepts a refresh.
func (h *House) Rotate(access string) func(storage.GrantView) (storage.Rotation, error) {
	return func(storage.GrantView) (storage.Rotation, error) {
		now := h.Clock.Now()
		return storage.Rotation{
			AccessHash: access, AccessScope: "openid", AccessUntil: now.Add(5 * time.Minute), IdleAt: now.Add(14 * 24 * time.Hour),
			Event: Event(audit.GrantRefreshed),
		}, nil
	}
}

// Grant issues and redeems a code from a session, and returns the grant with
// refresh token 1.
func (h *House) Grant(t testing.TB, s storage.Session) storage.Grant {
	t.Helper()
	v, err := h.DB.RedeemCode(t.Context(), h.Code(t, s), h.Redeem(h.Name("access")))
	must(t, err)
	return v.Grant
}

// Event of a kind.
func Event(k audit.Kind) audit.Event { return audit.Event{Kind: k, Actor: By} }

// TOTPProof is a right code of a time step.
func (h *House) TOTPProof(s storage.SignIn, id string, step int64) storage.TOTPProof {
	s.Progress.Evidence = s.Progress.Evidence.With(authn.Proof{Method: authn.TOTP, At: h.Clock.Now(), Authenticator: id})
	e := Event(audit.ProofAccepted)
	e.Reason = fmt.Sprint("step-", step)
	return storage.TOTPProof{SignIn: s, AuthenticatorID: id, Step: step, Event: e}
}

// RecoveryProof is a recovery code of a set.
func (h *House) RecoveryProof(s storage.SignIn, set, hash string) storage.RecoveryProof {
	s.Progress.Evidence = s.Progress.Evidence.With(authn.Proof{Method: authn.Recovery, At: h.Clock.Now(), Authenticator: set})
	return storage.RecoveryProof{
		SignIn: s, SetID: set, Hash: hash, Mails: []storage.Mail{{Kind: "recovery-code-used", To: "agent@example.com"}}, Event: Event(audit.RecoveryCodeUsed),
	}
}

// SendCode makes an e-mail code the newest one of a sign-in.
func (h *House) SendCode(t testing.TB, s storage.SignIn, code string) storage.SignIn {
	t.Helper()
	s, err := h.DB.SendEmailCode(t.Context(), storage.SendCode{
		SignIn: s, Hash: h.hash(s, code), Expires: h.Clock.Now().Add(10 * time.Minute),
		Mail: storage.Mail{Kind: "email-code", To: "agent@example.com"}, Event: Event(audit.EmailCodeSent),
	})
	must(t, err)
	return s
}

// EmailProof is a code that was entered.
func (h *House) EmailProof(s storage.SignIn, code string) storage.EmailProof {
	proof := storage.EmailProof{Hash: h.hash(s, code), Event: Event(audit.ProofAccepted)}
	s.Progress = s.Progress.VerifyEmail()
	proof.SignIn = s
	return proof
}

func (h *House) hash(s storage.SignIn, code string) string {
	return h.DB.Hasher().Text(seal.HashEmailCode, s.CodeParts(storage.CodeEnrolment, code)...)
}
