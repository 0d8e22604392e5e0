package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// patience is how long the issuer may take for an answer.
const patience = 3 * time.Second

// maxAnswer is how long an answer of the issuer may be, in bytes.
const maxAnswer = 256 << 10

// maxConnections bounds what strangers with made-up tokens can cause.
const maxConnections = 64

// newClient returns the client to ask the issuer with. It follows no redirect:
// credentials go where discovery said.
func newClient(given *http.Client) *http.Client {
	c := http.Client{Timeout: patience}
	if given != nil {
		c = *given
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		own := t.Clone()
		own.MaxConnsPerHost, own.MaxIdleConnsPerHost = maxConnections, maxConnections
		c.Transport = own
	}
	if c.Timeout <= 0 || c.Timeout > 10*patience {
		c.Timeout = patience
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

func (v *Verifier) getJSON(ctx context.Context, at string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	return v.doJSON(r, into)
}

// doJSON sends a request and reads its answer, which has to be 200 and JSON of
// bounded length.
func (v *Verifier) doJSON(r *http.Request, into any) error {
	r.Header.Set("Accept", "application/json")
	resp, err := v.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusUnauthorized:
		return errors.New("the issuer does not take the client credentials of this API")
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %s", r.URL, resp.Status)
	case len(text) > maxAnswer:
		return fmt.Errorf("%s answered more than %d bytes", r.URL, maxAnswer)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s answered what is not the JSON to be expected", r.URL)
	}
	return nil
}
