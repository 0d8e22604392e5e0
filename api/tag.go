package api

import (
	"net/http"
	"strconv"
	"strings"
)

// Tagged is what an answer with one record has.
type Tagged struct {
	ETag string `header:"ETag" doc:"Names this state of the record, for If-Match."`
}

// Made is what an answer with a new record has.
type Made struct {
	Location string `header:"Location" doc:"Path of the new record."`
}

// IfMatch is what a change of a record needs: the state that was seen.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"200" doc:"The ETag of the record as it was read, or * for any state. Required."`
}

func etag(tag string) string { return `"` + tag + `"` }

func versionTag(version int64) string { return etag(strconv.FormatInt(version, 10)) }

// seen returns the tag of the state that the caller has seen, "" for any.
func (m IfMatch) seen() (string, error) {
	switch s := strings.TrimSpace(m.IfMatch); {
	case s == "":
		return "", &Problem{Status: http.StatusPreconditionRequired, Detail: "Send If-Match with the ETag of the record as you read it, or * for any state."}
	case s == "*":
		return "", nil
	case len(s) > 2 && s[0] == '"' && strings.IndexByte(s[1:], '"') == len(s)-2:
		return s[1 : len(s)-1], nil
	default: // a weak one, or a list: no state of ours
		return "", &Problem{Type: typeChanged, Status: http.StatusPreconditionFailed, Detail: "Send If-Match with one strong ETag, as it was answered."}
	}
}

// seenVersion is seen for records whose tag is a number, 0 for any.
func (m IfMatch) seenVersion() (int64, error) {
	tag, err := m.seen()
	if err != nil || tag == "" {
		return 0, err
	}
	version, err := strconv.ParseInt(tag, 10, 64)
	if err != nil || version <= 0 {
		return 0, &Problem{Type: typeChanged, Status: http.StatusPreconditionFailed, Detail: "It is no longer as If-Match says: read it again."}
	}
	return version, nil
}
