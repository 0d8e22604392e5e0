package templates

import (
	"fmt"
	"strings"
)

// QR is the code as the page draws it.
type QR struct {
	Size, Pixels int
	Fill, Stroke string // one of them is the d attribute
}

// pixelsPerModule is what poor cameras need.
const pixelsPerModule = 4

// QR draws the code of a ConnectDevice. A path of rectangles one module high
// becomes one of strokes, which says the same in half the bytes.
func (v *view) QR(path string, size int) QR {
	q := QR{Size: size, Pixels: pixelsPerModule * size}
	var b strings.Builder
	atX, atY := 0, 0
	for i, part := range strings.Split(strings.TrimSuffix(path, "z"), "z") {
		var x, y, wide, back int
		if _, err := fmt.Sscanf(part, "M%d %dh%dv1h-%d", &x, &y, &wide, &back); err != nil || wide != back {
			q.Fill = path // drawn otherwise: leave it as it is
			return q
		}
		if i == 0 {
			fmt.Fprintf(&b, "M%d %d.5h%d", x, y, wide)
		} else {
			fmt.Fprintf(&b, "m%d %dh%d", x-atX, y-atY, wide)
		}
		atX, atY = x+wide, y
	}
	q.Stroke = b.String()
	return q
}
