package login

import (
	"net/http"
	"strconv"
	"strings"

	"stile/templates"
	"stile/web"
)

// serveStatic answers styles and scripts. Their names hold a hash of their
// content, so they may be kept for ever.
func (h *Handler) serveStatic(w http.ResponseWriter, r *http.Request) error {
	file, ok := h.Templates.Static(strings.TrimPrefix(r.URL.Path, templates.StaticPath))
	if !ok {
		return web.UserError{Kind: templates.ErrorNotFound}
	}
	header := w.Header()
	header.Set("Cache-Control", templates.StaticCacheControl)
	header.Set("ETag", file.ETag)
	header.Set("Content-Type", file.Type)
	if r.Header.Get("If-None-Match") == file.ETag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Length", strconv.Itoa(len(file.Body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(file.Body) // a browser that has gone can't be told
	}
	return nil
}
