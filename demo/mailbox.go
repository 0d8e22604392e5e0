package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Bounds of the mailbox: it forgets the oldest message first.
const (
	maxMessages     = 1000
	maxMessageBytes = 1 << 20
)

// Message is one mail that the mailbox has received.
type Message struct {
	ID      string    `json:"id"`
	Date    time.Time `json:"date"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
}

// Mailbox keeps every mail that is sent to its SMTP server, for any address,
// and shows them on a page and as JSON.
type Mailbox struct {
	now func() time.Time

	mu       sync.Mutex
	received int
	messages []Message // oldest first
}

// NewMailbox returns an empty mailbox.
func NewMailbox(now func() time.Time) *Mailbox { return &Mailbox{now: now} }

// ServeSMTP takes mail on a listener until the listener is closed.
func (m *Mailbox) ServeSMTP(l net.Listener) error {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &delivery{mailbox: m}, nil
	}))
	s.Domain = "localhost"
	s.MaxMessageBytes = maxMessageBytes
	s.MaxRecipients = 1
	s.ReadTimeout = time.Minute
	s.WriteTimeout = time.Minute
	if err := s.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, smtp.ErrServerClosed) {
		return err
	}
	return nil
}

// Messages returns the messages to an address, or all for "", newest first.
func (m *Mailbox) Messages(to string) []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := []Message{}
	for i := len(m.messages) - 1; i >= 0; i-- {
		if to == "" || strings.EqualFold(to, m.messages[i].To) {
			found = append(found, m.messages[i])
		}
	}
	return found
}

func (m *Mailbox) keep(msg Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.received++
	msg.ID = strconv.Itoa(m.received)
	m.messages = append(m.messages, msg)
	if len(m.messages) > maxMessages {
		m.messages = m.messages[1:]
	}
}

// Handler serves the page at / and the JSON at /messages.
func (m *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		show(w, http.StatusOK, "mailbox", map[string]any{"To": to, "Messages": m.Messages(to)})
	})
	mux.HandleFunc("GET /messages", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(m.Messages(r.URL.Query().Get("to")))
	})
	mux.HandleFunc("GET /demo.css", serveStyle)
	return pageHeaders(mux)
}

// delivery is one SMTP conversation.
type delivery struct {
	mailbox  *Mailbox
	from, to string
}

func (d *delivery) Reset()        { d.from, d.to = "", "" }
func (d *delivery) Logout() error { return nil }

func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.from = from
	return nil
}

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	msg, err := parseMessage(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "message can not be read"}
	}
	msg.From, msg.To, msg.Date = d.from, d.to, d.mailbox.now().UTC()
	d.mailbox.keep(msg)
	return nil
}

func parseMessage(r io.Reader) (Message, error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return Message{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return Message{}, err
	}
	msg := Message{Subject: subject}
	return msg, msg.readPart(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
}

// readPart reads one MIME part, or the parts within it (RFC 2046).
func (m *Message) readPart(contentType, encoding string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain" // RFC 2045 section 5.2
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			// NextRawPart leaves the transfer encoding to us, as the single-part case needs.
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.readPart(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
				return err
			}
		}
	}
	if strings.EqualFold(encoding, "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	text := string(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")))
	switch kind {
	case "text/html":
		m.HTML = text
	default:
		m.Text = text
	}
	return nil
}
