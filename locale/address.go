package locale

import "strings"

// MaskAddress shows of an e-mail address what its owner recognises and nobody
// else can use: "m•••@example.com", the first character and the domain.
func MaskAddress(address string) string {
	const dots = "•••"
	at := strings.LastIndexByte(address, '@')
	if at <= 0 {
		return dots
	}
	for _, first := range address[:at] {
		return string(first) + dots + address[at:]
	}
	return dots
}
