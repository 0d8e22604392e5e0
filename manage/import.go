package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"stile/roster"
	"stile/storage"
)

// Import brings the account's people to what a list says and invites whoever is
// new: all lines or none, see [storage.DB.ImportUsers]. With dry it says what
// would come of it. It fails with [*roster.Errors] or [storage.RowErrors], which
// name lines. A list can change everybody, so it needs all that an admin may do;
// of a service, all that one may.
func (s *Service) Import(ctx context.Context, w Who, list io.Reader, dry bool) (storage.ImportResult, error) {
	if err := s.may(w, EditUsers); err != nil {
		return storage.ImportResult{}, err
	}
	if err := w.mayChange([]string{storage.RoleAdmin}); err != nil {
		return storage.ImportResult{}, err
	}
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return storage.ImportResult{}, err
	}
	read, err := roster.Read(list)
	if err != nil {
		return storage.ImportResult{}, err
	}
	own, err := s.own(ctx, w)
	if err != nil {
		return storage.ImportResult{}, err
	}
	rows, err := s.importRows(w, own, state, read)
	if err != nil {
		return storage.ImportResult{}, err
	}
	if dry {
		ctx = storage.Rehearsal(ctx)
	}
	told, err := s.regrading(ctx, w)
	if err != nil {
		return storage.ImportResult{}, err
	}
	return s.DB.ImportUsers(ctx, w.accountID, rows, w.by, told)
}

// importRows judges the lines of a list, and makes the invitation of each in
// case it is for somebody new. Those faults are of lines too.
func (s *Service) importRows(w Who, own storage.User, state storage.AccountState, list []roster.Row) ([]storage.ImportRow, error) {
	rows := make([]storage.ImportRow, len(list))
	var faults storage.RowErrors
	for i, r := range list {
		var err error
		if rows[i], err = s.importRow(w, own, state, r); err != nil && len(faults) < roster.MaxErrors {
			faults = append(faults, storage.RowError{Line: r.Line, Err: rowFault(state, r, err)})
		}
	}
	if faults != nil {
		return nil, faults
	}
	return rows, nil
}

// rowFault says which value of a row is refused, where it is about one; its code
// is the [InputCode] then. Other errors stay as they are.
func rowFault(state storage.AccountState, r roster.Row, err error) error {
	e, ok := errors.AsType[InputError](err)
	if !ok {
		return err
	}
	value := r.TimeZone
	switch e.Code {
	case InputRole:
		value = first(r.Roles, func(role string) bool { return checkRoles([]string{role}) != nil })
	case InputProduct:
		value = first(r.Products, func(name string) bool {
			return !slices.ContainsFunc(state.Products, func(p storage.Product) bool { return p.Name == name })
		})
	default: // the only other one that names a value
	}
	return roster.Fault{Code: roster.FaultCode(e.Code), Args: map[string]any{"Value": value}, Err: err}
}

// first returns the first of a list that is so, "" if none is.
func first(list []string, is func(string) bool) string {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return ""
}

// own is the user who asks; none for a service.
func (s *Service) own(ctx context.Context, w Who) (storage.User, error) {
	if w.userID == "" {
		return storage.User{}, nil
	}
	row, err := s.DB.Member(ctx, w.accountID, w.userID, storage.Policy{})
	return row.User, err
}

func (s *Service) importRow(w Who, own storage.User, state storage.AccountState, r roster.Row) (storage.ImportRow, error) {
	row := storage.ImportRow{Line: r.Line, Email: r.Email, Name: r.Name, Roles: r.Roles, Language: r.Language, TimeZone: r.TimeZone}
	if len(r.Roles) > 0 {
		if err := checkRoles(r.Roles); err != nil {
			return row, err
		}
		if r.Email == own.Email && !sameSet(r.Roles, own.Roles) {
			return row, InputError{"roles", InputSelf, "nobody changes his own roles"}
		}
	}
	if r.Products != nil {
		row.Products = []string{}
	}
	for _, name := range r.Products {
		i := slices.IndexFunc(state.Products, func(p storage.Product) bool { return p.Name == name })
		if i < 0 {
			return row, InputError{"products", InputProduct, fmt.Sprintf("the account has no product %q", name)}
		}
		row.Products = append(row.Products, state.Products[i].ID)
	}
	invited := storage.Invitation{
		Email: r.Email, Name: cmp.Or(r.Name, r.Email), Roles: r.Roles, Products: row.Products, Language: r.Language, TimeZone: r.TimeZone,
	}
	link, err := s.invitation(w, state, invited)
	row.Link = link
	return row, err
}
