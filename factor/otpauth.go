package factor

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/skip2/go-qrcode"
)

// Longest encoded parts of an otpauth URI. What is longer is cut, so that its
// QR code stays small enough for a camera.
const (
	maxIssuer  = 192
	maxAddress = 256
)

// URI returns the otpauth URI that an authenticator app reads from a QR code or
// a link. issuer and address name the entry in the app; the issuer stands in
// the label and in the query alike, and holds no colon.
//
// It holds the key: put it in a page and nowhere else.
func URI(issuer, address string, key []byte) string {
	issuer = strings.TrimSpace(strings.ReplaceAll(visible(issuer), ":", " "))
	if issuer == "" {
		issuer = "Stile"
	}
	name := escape(issuer, maxIssuer)
	// An @ needs no escape in a path, and apps show the label best with it.
	account := strings.ReplaceAll(escape(visible(address), maxAddress), "%40", "@")
	return fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
		name, account, KeyText(key), name, digits, int(Period.Seconds()))
}

// visible drops what is no character or can't be seen, such as marks that turn
// the direction of writing.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

// escape percent-encodes everything but letters, digits and -_.~, a space as
// %20, and cuts the result after a whole character.
func escape(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		part := strings.ReplaceAll(url.QueryEscape(string(r)), "+", "%20")
		if b.Len()+len(part) > most {
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

// QR returns the QR code of a URI, as the data of one SVG path that fills the
// dark modules, each of size 1, and the width of the whole square with its quiet
// zone of four modules. Draw it black on white in every theme. It fails only for
// what is too long for any QR code.
func QR(uri string) (path string, size int, err error) {
	code, err := qrcode.New(uri, qrcode.Medium)
	if err != nil {
		return "", 0, fmt.Errorf("factor: QR code: %w", err)
	}
	bitmap := code.Bitmap()
	var b strings.Builder
	for y, row := range bitmap {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if n := x - from; n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from, y, n, n)
			}
		}
	}
	return b.String(), len(bitmap), nil
}
