package web

import (
	"net/http"
	"time"
)

// An answer that is written row by row, as the rows are read, may take longer
// than the server lets any other one take.
const (
	streamRows = 500              // that are given time together
	streamTime = 30 * time.Second // to read and send them
)

// Stream gives an answer of many rows time.
type Stream struct {
	control *http.ResponseController
	rows    int
}

// NewStream is called before the first row is written.
func NewStream(w http.ResponseWriter) *Stream { return &Stream{control: http.NewResponseController(w)} }

// Row is called before each row. Who takes none for a while is cut off still.
func (s *Stream) Row() {
	if s.rows%streamRows == 0 {
		_ = s.control.SetWriteDeadline(time.Now().Add(streamTime)) //nolint:forbidigo // the connection goes by the system's clock
	}
	s.rows++
}
