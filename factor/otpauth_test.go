package factor

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pquerna/otp"
)

func TestURI(t *testing.T) {
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for _, test := range []struct{ issuer, address, label, issuerParam string }{
		{"Stile", "m@example.com", "Stile:m@example.com", "Stile"},
		{"Stile (test)", "m@example.com", "Stile%20%28test%29:m@example.com", "Stile%20%28test%29"},
		{"Acme & Söhne", "m+1@example.com", "Acme%20%26%20S%C3%B6hne:m%2B1@example.com", "Acme%20%26%20S%C3%B6hne"},
		{"Two: parts", "m@example.com", "Two%20%20parts:m@example.com", "Two%20%20parts"},
		{"", "m@example.com", "Stile:m@example.com", "Stile"},
		{"\u202EelitS", "m@example.com", "elitS:m@example.com", "elitS"},
	} {
		want := "otpauth://totp/" + test.label + "?secret=" + secret + "&issuer=" + test.issuerParam + "&algorithm=SHA1&digits=6&period=30"
		if got := URI(test.issuer, test.address, rfcKey); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

var oddNames = map[string][2]string{
	"plain":             {"Stile", "m@example.com"},
	"colon":             {"Stile", "a:b@example.com"},
	"slash":             {"A/B", "a/b@example.com"},
	"percent":           {"100%", "50%25@example.com"},
	"question and hash": {"What? #1", "a?b=c&d#e@example.com"},
	"space and plus":    {"Stile (test)", "a+b c@example.com"},
	"quotes and tags":   {"<b>\"Stile\"</b>", "\"a b\"@example.com"},
	"umlauts":           {"Größe", "ü@bücher.example"},
	"other scripts":     {"株式会社例", "用户@例え.jp"},
	"300 characters":    {"Stile", strings.Repeat("a", 288) + "@example.com"},
	"300 of 3 bytes":    {strings.Repeat("例", 300), strings.Repeat("例", 300)},
}

func TestK12_OddNamesInTheURI(t *testing.T) {
	for name, odd := range oddNames {
		t.Run(name, func(t *testing.T) {
			uri := URI(odd[0], odd[1], rfcKey)
			checkURI(t, odd[0], odd[1], uri)
			if got := scan(t, uri); got != uri {
				t.Errorf("scanned as\n%s, is\n%s", got, uri)
			}
		})
	}
}

// checkURI reads the URI as an app does, with a library and without.
func checkURI(t *testing.T, issuer, address, uri string) {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatalf("%q: %v", uri, err)
	}
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Fragment != "" || u.User != nil {
		t.Fatalf("%q", uri)
	}
	if strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`+"<>\^{|}`+"`", r) }) {
		t.Fatalf("%q holds what has to be escaped", uri)
	}
	if len(uri) > 900 {
		t.Fatalf("%d characters make too big a QR code", len(uri))
	}
	label, account, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":")
	q := u.Query()
	if label != q.Get("issuer") || label == "" {
		t.Fatalf("label of %q, issuer %q", label, q.Get("issuer"))
	}
	if len(q) != 5 || q.Get("secret") != KeyText(rfcKey) || q.Get("algorithm") != "SHA1" || q.Get("digits") != "6" || q.Get("period") != "30" {
		t.Fatalf("parameters %v", q)
	}
	if !strings.HasPrefix(visible(address), account) {
		t.Fatalf("account %q of %q", account, address)
	}
	if want := visible(address); len(strings.ReplaceAll(url.QueryEscape(want), "+", "%20")) <= maxAddress && account != want {
		t.Fatalf("account %q, want %q", account, want)
	}
	key, err := otp.NewKeyFromURL(uri)
	if err != nil || key.Type() != "totp" || key.Issuer() != label || key.AccountName() != account || key.Secret() != KeyText(rfcKey) ||
		key.Digits() != otp.DigitsSix || key.Period() != 30 || key.Algorithm() != otp.AlgorithmSHA1 {
		t.Fatalf("a library reads %v, %v", key, err)
	}
}

// scan draws the path as a picture and has a program read it.
func scan(t *testing.T, uri string) string {
	t.Helper()
	path, size, err := QR(uri)
	if err != nil {
		t.Fatal(err)
	}
	picture := draw(t, path, size, 4)
	file := filepath.Join(t.TempDir(), "qr.png")
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "zbarimg", "--quiet", "--nodbus", "--raw", file)
}

// draw fills the rectangles of an SVG path like ours, each module scale pixels.
func draw(t *testing.T, path string, size, scale int) *image.Gray {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, size*scale, size*scale))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	for _, part := range strings.Split(strings.TrimSuffix(path, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(part, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back || n < 1 {
			t.Fatalf("%q: %v", part, err)
		}
		if x < 4 || y < 4 || x+n > size-4 || y >= size-4 {
			t.Fatalf("%q is in the quiet zone", part)
		}
		for px := x * scale; px < (x+n)*scale; px++ {
			for py := y * scale; py < (y+1)*scale; py++ {
				picture.SetGray(px, py, color.Gray{})
			}
		}
	}
	return picture
}

func TestQRSize(t *testing.T) {
	_, size, err := QR(URI("Stile", "m@example.com", rfcKey))
	if err != nil || size != 45+8 { // 4 px a module: 212 px
		t.Errorf("%d modules with the quiet zone, %v", size, err)
	}
	if _, _, err := QR(strings.Repeat("x", 3000)); err == nil {
		t.Error("3000 characters fit")
	}
}

func FuzzOtpauthURI(f *testing.F) {
	for _, odd := range oddNames {
		f.Add(odd[0], odd[1])
	}
	f.Add("\xff", "\x00")
	f.Add(":", ":")
	f.Add(" ", "@@%40")
	f.Fuzz(func(t *testing.T, issuer, address string) {
		uri := URI(issuer, address, rfcKey)
		checkURI(t, issuer, address, uri) // its length too, and nothing else decides whether it fits in a QR code
	})
}
