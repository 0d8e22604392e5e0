package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"stile/config"
	"stile/storage"
)

// sealRecord is the last seal of a chain, as it is kept elsewhere.
type sealRecord struct {
	AccountID string    `json:"account_id"` // empty for the events of no account
	Number    int64     `json:"number"`
	At        time.Time `json:"at"`
	Hash      string    `json:"hash"`
}

type sealsRecord struct {
	Seals []sealRecord `json:"seals"`
}

type faultRecord struct {
	What    string     `json:"what"`
	Seal    int64      `json:"seal,omitempty"`
	EventID string     `json:"event_id,omitempty"`
	At      *time.Time `json:"at,omitempty"`
}

type chainRecord struct {
	AccountID    string        `json:"account_id"`
	Events       int64         `json:"events"`
	Last         *sealRecord   `json:"last_seal"`
	Pruned       int64         `json:"pruned_seal,omitempty"`
	Waiting      int64         `json:"waiting"`
	WaitingSince *time.Time    `json:"waiting_since,omitempty"`
	Compared     bool          `json:"compared"`
	Faulty       int64         `json:"faulty"`
	Faults       []faultRecord `json:"faults"`
}

type verifyRecord struct {
	OK     bool          `json:"ok"`
	Chains []chainRecord `json:"chains"`
}

func (p *program) auditVerify() *cobra.Command {
	var account, seal string
	c := p.verb("verify", "Look whether the audit log is as it was written; exit 1 and name the places if not",
		"  stile audit verify\n  stile audit verify --account \"Example Support\" --seal last-seals.json",
		cobra.NoArgs, p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			kept, err := keptSeals(seal)
			if err != nil {
				return err
			}
			chains, err := chainsOf(ctx, db, account, kept)
			if err != nil {
				return err
			}
			var reports []storage.AuditReport
			for _, id := range chains {
				r, err := db.VerifyAudit(ctx, id, storage.AuditCheck{Kept: kept[id], Progress: p.progress(id)})
				if err != nil {
					return err
				}
				reports = append(reports, r)
			}
			p.progressEnds()
			return p.printReports(reports, seal != "")
		}))
	c.Flags().StringVar(&account, "account", "", "only of this account, by name or id")
	c.Flags().StringVar(&seal, "seal", "", "compare with the last seals that 'stile audit seal --json' has written to a `FILE`")
	return c
}

// chainsOf returns the accounts to look at: also one without a line, one that was deleted, and those
// of which only a kept seal is left.
func chainsOf(ctx context.Context, db *storage.DB, account string, kept map[string]*storage.AuditSeal) ([]string, error) {
	chains, err := db.AuditChains(ctx)
	if err != nil {
		return nil, err
	}
	for id := range kept {
		chains = append(chains, id)
	}
	slices.Sort(chains)
	chains = slices.Compact(chains)
	if account == "" {
		return chains, nil
	}
	a, err := db.Account(ctx, account)
	if errors.Is(err, storage.ErrNotFound) && slices.Contains(chains, account) {
		return []string{account}, nil
	}
	return []string{a.ID}, err
}

// keptSeals reads what auditSeal has written.
func keptSeals(path string) (map[string]*storage.AuditSeal, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file sealsRecord
	if err := json.Unmarshal(text, &file); err != nil || len(file.Seals) == 0 {
		return nil, fmt.Errorf("%s: holds no seals: write it with 'stile audit seal --json'", path)
	}
	kept := map[string]*storage.AuditSeal{}
	for _, s := range file.Seals {
		kept[s.AccountID] = &storage.AuditSeal{AccountID: s.AccountID, Number: s.Number, At: s.At, Hash: s.Hash}
	}
	return kept, nil
}

func (p *program) printReports(reports []storage.AuditReport, compared bool) error {
	document := verifyRecord{OK: true, Chains: []chainRecord{}}
	t := table{head: []string{"ACCOUNT", "EVENTS", "SEAL", "WAITING", "RESULT"}}
	places := int64(0)
	for _, r := range reports {
		document.Chains = append(document.Chains, chainOf(r))
		places += r.Faulty
		result := "as written"
		switch {
		case r.Faulty > 0:
			result = fmt.Sprintf("%d places", r.Faulty)
		case !compared, !r.Compared && r.Last.Number > 0:
			result = "as written, not compared with a kept seal"
		}
		t.row(orDash(r.AccountID), strconv.FormatInt(r.Events, 10), strconv.FormatInt(r.Last.Number, 10), strconv.FormatInt(r.Waiting, 10), result)
	}
	document.OK = places == 0
	if err := p.print(document, t); err != nil {
		return err
	}
	for _, r := range reports {
		for _, f := range r.Faults {
			p.say("%s: %s", orDash(r.AccountID), f)
		}
		if more := r.Faulty - int64(len(r.Faults)); more > 0 {
			p.say("%s: and %d more", orDash(r.AccountID), more)
		}
		if r.Waiting > 0 && p.now().Sub(r.WaitingSince) > time.Hour {
			p.say("%s: %d events wait for a seal, the oldest since %s: is 'stile serve' running?", orDash(r.AccountID), r.Waiting, when(&r.WaitingSince))
		}
	}
	if places > 0 {
		return fmt.Errorf("the audit log is not as it was written: %d places", places)
	}
	return nil
}

func chainOf(r storage.AuditReport) chainRecord {
	c := chainRecord{
		AccountID: r.AccountID, Events: r.Events, Pruned: r.Pruned, Waiting: r.Waiting,
		Compared: r.Compared, Faulty: r.Faulty, Faults: []faultRecord{},
	}
	if r.Last.Number > 0 {
		s := sealOf(r.Last)
		c.Last = &s
	}
	if r.Waiting > 0 {
		c.WaitingSince = &r.WaitingSince
	}
	for _, f := range r.Faults {
		record := faultRecord{What: f.What, Seal: f.Seal, EventID: f.EventID}
		if !f.At.IsZero() {
			record.At = &f.At
		}
		c.Faults = append(c.Faults, record)
	}
	return c
}

func sealOf(s storage.AuditSeal) sealRecord { return sealRecord{s.AccountID, s.Number, s.At, s.Hash} }

func (p *program) auditSeal() *cobra.Command {
	return p.verb("seal", "Seal what waits, and print the last seal of each chain, to be kept elsewhere",
		"  stile audit seal --json > last-seals.json", cobra.NoArgs,
		p.work(func(ctx context.Context, db *storage.DB, _ *config.Config, _ []string) error {
			if _, err := db.SealAudit(ctx, time.Time{}); err != nil {
				return err
			}
			seals, err := db.LastSeals(ctx)
			if err != nil {
				return err
			}
			document := sealsRecord{Seals: []sealRecord{}}
			t := table{head: []string{"ACCOUNT", "SEAL", "TIME", "HASH"}}
			for _, s := range seals {
				document.Seals = append(document.Seals, sealOf(s))
				t.row(orDash(s.AccountID), strconv.FormatInt(s.Number, 10), when(&s.At), s.Hash)
			}
			return p.print(document, t)
		}))
}

func (p *program) auditPrune() *cobra.Command {
	return p.verb("prune", "Remove events that are older than audit.keep, as the server does if it may",
		"  STILE_DATABASE_OWNER_FILE=/run/secrets/owner stile audit prune", cobra.NoArgs,
		p.work(func(ctx context.Context, db *storage.DB, cfg *config.Config, _ []string) error {
			if err := db.PruneAudit(ctx); err != nil {
				return err
			}
			return p.done(struct {
				Keep string `json:"keep"`
			}{cfg.Audit.Keep.String()}, "events are kept for %d days", int(cfg.Audit.Keep/(24*time.Hour)))
		}))
}

// progress shows on a terminal how far a long work is.
func (p *program) progress(accountID string) func(int64) {
	if !p.onTerminal() {
		return nil
	}
	return func(events int64) { fmt.Fprintf(p.err, "\r%s: %d events\x1b[K", orDash(accountID), events) }
}

// progressEnds takes the line away again.
func (p *program) progressEnds() {
	if p.onTerminal() {
		fmt.Fprint(p.err, "\r\x1b[K")
	}
}

func (p *program) onTerminal() bool {
	f, ok := p.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
