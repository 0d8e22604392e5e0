package manage

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"stile/audit"
	"stile/seal"
	"stile/storage"
)

// Clients lists the apps that the account has connected for its own people, by
// client_id, a page at a time.
func (s *Service) Clients(ctx context.Context, w Who, after string, limit int) ([]storage.Client, error) {
	if err := s.may(w, Read); err != nil {
		return nil, err
	}
	return s.DB.AccountClients(ctx, w.accountID, after, limit)
}

// Client returns one of the account's apps.
func (s *Service) Client(ctx context.Context, w Who, id string) (storage.Client, error) {
	if err := s.may(w, Read); err != nil {
		return storage.Client{}, err
	}
	c, err := s.DB.Client(ctx, id)
	if err == nil && c.AccountID != w.accountID {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.Client{}, err
	}
	return c, nil
}

// ClientUse says who uses one of the account's apps: how many of its people
// have signed in to it and still are, and when it was used last; nil if never.
func (s *Service) ClientUse(ctx context.Context, w Who, id string) (users int, last *time.Time, err error) {
	if _, err := s.Client(ctx, w, id); err != nil {
		return 0, nil, err
	}
	return s.DB.ClientUsers(ctx, w.accountID, id)
}

// ClientPeople lists the account's people who use one of its apps by address, a
// page at a time. That it was looked at is in the audit log.
func (s *Service) ClientPeople(ctx context.Context, w Who, id, after string, limit int) ([]storage.ClientPerson, error) {
	if _, err := s.Client(ctx, w, id); err != nil {
		return nil, err
	}
	list, err := s.DB.ClientPeople(ctx, w.accountID, id, after, limit)
	if err == nil {
		err = s.readsOf(ctx, w, audit.Event{Reason: readList, ClientID: id})
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// CreateClient connects an app for the account's people and returns its secret,
// which is shown this once; empty for a public one. What an admin connects is a
// third party's: its users are asked before it sees anything of theirs.
func (s *Service) CreateClient(ctx context.Context, w Who, m storage.Metadata) (storage.Client, seal.Secret, error) {
	if err := s.may(w, EditClients); err != nil {
		return storage.Client{}, "", err
	}
	if m.Name == "" {
		return storage.Client{}, "", InputError{"client_name", InputMissing, "it needs a name, which its users see"}
	}
	if err := w.mayGiveScopes(strings.Fields(m.Scope)); err != nil {
		return storage.Client{}, "", err
	}
	c := storage.Client{ID: uuid.NewString(), AccountID: w.accountID, Metadata: m, ThirdParty: true}
	var secret seal.Secret
	if !m.Filled().Public() {
		secret = seal.NewToken(seal.KindClientSecret)
		c.SecretHash = s.DB.HashClientSecret(c.ID, secret)
	}
	made, err := s.DB.CreateClient(ctx, c, w.by)
	return made, secret, metadata(err)
}

// UpdateClient changes the registration of one of the account's apps, or
// disables it. version is the one that was seen, 0 for any.
func (s *Service) UpdateClient(ctx context.Context, w Who, id string, version int64, change func(m *storage.Metadata, disabled *bool)) (storage.Client, error) {
	if err := s.may(w, EditClients); err != nil {
		return storage.Client{}, err
	}
	if _, err := s.Client(ctx, w, id); err != nil {
		return storage.Client{}, err
	}
	changed, err := s.DB.UpdateClient(ctx, id, func(c *storage.Client) error {
		if version != 0 && version != c.Version-1 { // it has risen for this change
			return ErrChanged
		}
		had, public := strings.Fields(c.Metadata.Scope), c.Metadata.Public()
		change(&c.Metadata, &c.Disabled)
		if c.Metadata.Filled().Public() != public {
			return InputError{"token_endpoint_auth_method", InputMetadata, "an app stays public or confidential: connect it anew"}
		}
		// Whoever says where an app is answered has what the app is given: as
		// with its secret, that takes all scopes that it has.
		return w.mayGiveScopes(append(had, strings.Fields(c.Metadata.Scope)...))
	}, w.by)
	return changed, metadata(err)
}

// RotateClientSecret gives one of the account's apps another secret, shown this
// once. The old one stops working. version is the one that was seen, 0 for any.
func (s *Service) RotateClientSecret(ctx context.Context, w Who, id string, version int64) (storage.Client, seal.Secret, error) {
	if err := s.may(w, EditClients); err != nil {
		return storage.Client{}, "", err
	}
	if _, err := s.Client(ctx, w, id); err != nil {
		return storage.Client{}, "", err
	}
	secret := seal.NewToken(seal.KindClientSecret)
	c, err := s.DB.UpdateClient(ctx, id, func(c *storage.Client) error {
		if version != 0 && version != c.Version-1 { // it has risen for this change
			return ErrChanged
		}
		if c.Metadata.Public() {
			return InputError{"client_id", InputMetadata, "a public app has no secret"}
		}
		c.SecretHash = s.DB.HashClientSecret(id, secret)
		// Whoever holds the secret has the scopes of the client.
		return w.mayGiveScopes(strings.Fields(c.Metadata.Scope))
	}, w.by)
	if err != nil {
		return storage.Client{}, "", err
	}
	return c, secret, nil
}

// DeleteClient removes one of the account's apps, with all that it holds.
// version is the one that was seen, 0 for any.
func (s *Service) DeleteClient(ctx context.Context, w Who, id string, version int64) error {
	if err := s.may(w, EditClients); err != nil {
		return err
	}
	if _, err := s.Client(ctx, w, id); err != nil {
		return err
	}
	return s.DB.DeleteClient(ctx, id, func(c storage.Client) error {
		if version != 0 && version != c.Version {
			return ErrChanged
		}
		return nil
	}, w.by)
}

// metadata says which field of a registration is refused.
func metadata(err error) error {
	if e, ok := errors.AsType[storage.MetadataError](err); ok {
		return InputError{e.Field, InputMetadata, e.Error()}
	}
	return err
}
