package signin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"stile/authn"
	"stile/seal"
	"stile/storage"
)

// RequestLife is how long a request can be worked on, whatever happens.
const RequestLife = 60 * time.Minute

// A sealed request travels in URLs. Up to this many bytes it travels itself;
// beyond, it is kept in a row and only its handle travels.
const maxSealed = 2 << 10

// maxText bounds what is opened at all.
const maxText = 8 << 10

// kindHandle is the prefix of the handle of a request in a row.
const kindHandle seal.Kind = "sth_"

// bindRequest is what sealed requests are bound to: nothing but their purpose,
// since anybody may begin one.
const bindRequest = "request"

// Request is what somebody wants of a sign-in: who asks, for what, and where
// it ends. It is sealed, so it stays as it was first made, and has no
// authority: it tells nothing about who is signed in.
type Request struct {
	ID           string          `json:"id"`               // made by Begin where it is empty
	Ask          authn.Ask       `json:"ask,omitzero"`     // what has to be proven
	ClientID     string          `json:"client,omitempty"` // the client asking; empty for our own pages
	ClientName   string          `json:"name,omitempty"`
	ClientURI    string          `json:"uri,omitempty"`  // client_uri: who is behind it
	Home         string          `json:"home,omitempty"` // where the client starts a sign-in anew
	Policy       string          `json:"policy,omitempty"`
	Terms        string          `json:"terms,omitempty"`
	LoginHint    string          `json:"hint,omitempty"`
	Locales      []string        `json:"locales,omitempty"`       // ui_locales
	Return       string          `json:"return"`                  // own path where it goes on; ?r=… is added
	FormAction   []string        `json:"to,omitempty"`            // see web.FormTargets
	Started      time.Time       `json:"started"`                 // made by Begin where it is zero
	Payload      json.RawMessage `json:"payload,omitempty"`       // opaque: the caller's own request
	AddressFirst bool            `json:"address_first,omitempty"` // ask for the address on a page of its own
	Choose       bool            `json:"choose,omitempty"`        // which of the browser's users it is, is chosen first
	SomeoneElse  bool            `json:"else,omitempty"`          // the browser's present user is not wanted
	Enhance      bool            `json:"enhance,omitempty"`       // two-step verification is on by the user's own wish when it ends
	NewDevice    bool            `json:"device,omitempty"`        // a code leads on to another device in the app's place
	PasswordSet  bool            `json:"set,omitempty"`           // a link from a message has just set the password
}

// ErrOver says that a request is no more: too old, changed, or never ours.
var ErrOver = errors.New("signin: request is over or unknown")

// Begin seals a request and returns the path of its first screen. Nothing is
// written, except the requests too long for a URL.
func (s *Service) Begin(ctx context.Context, req Request) (path string, err error) {
	if req.ID == "" {
		req.ID = rand.Text()
	}
	if req.Started.IsZero() {
		req.Started = s.now()
	}
	sealed, err := s.seal(ctx, req)
	if err != nil {
		return "", err
	}
	return Path(string(authn.StepSignIn), sealed), nil
}

// Screens is the path under which the screens are, each by its name.
const Screens = "/login/"

// Path returns the path of a screen of a request.
func Path(screen, sealed string) string {
	return Screens + screen + "?r=" + url.QueryEscape(sealed)
}

func (s *Service) seal(ctx context.Context, req Request) (string, error) {
	sealed, err := seal.SealJSON(s.ring, seal.PurposeRequest, bindRequest, req)
	if err != nil || len(sealed) <= maxSealed {
		return sealed, err
	}
	handle := seal.NewToken(kindHandle).Reveal()
	err = s.db.SaveRequest(ctx, seal.HashToken(handle), sealed, req.Started.Add(RequestLife))
	return handle, err
}

// OpenRequest opens what [Service.Begin] sealed. It fails with [ErrOver] for
// everything else, and when the time is over.
func (s *Service) OpenRequest(ctx context.Context, text string) (Request, error) {
	if text == "" || len(text) > maxText {
		return Request{}, ErrOver
	}
	if kindHandle.Is(text) {
		kept, err := s.db.Request(ctx, seal.HashToken(text))
		if errors.Is(err, storage.ErrNotFound) {
			return Request{}, ErrOver
		} else if err != nil {
			return Request{}, fmt.Errorf("signin: request: %w", err)
		}
		text = kept
	}
	req, err := seal.OpenJSON[Request](s.ring, seal.PurposeRequest, bindRequest, text)
	if err != nil {
		return Request{}, errors.Join(ErrOver, err)
	}
	if now := s.now(); !now.Before(req.Started.Add(RequestLife)) || req.Started.After(now.Add(maxSkew)) {
		return req, ErrOver
	}
	return req, nil
}

// maxSkew is how far another replica's clock may be ahead.
const maxSkew = time.Minute

// ClientHost is the host of the client's page: who is behind it.
func (req Request) ClientHost() string {
	u, err := url.Parse(req.ClientURI)
	if err != nil {
		return ""
	}
	return u.Host
}

// ForAccount tells whether My Account asks for more than it takes to open it.
func (req Request) ForAccount() bool {
	return req.ClientID == "" && req.Home == AccountPath && len(req.Ask.Levels) > 0
}

// Returns is the path where a finished request goes on.
func (req Request) Returns(sealed string) string {
	return req.Return + "?r=" + url.QueryEscape(sealed)
}
