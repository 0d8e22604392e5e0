// Package authn says what must be proven, whether it has been, and what comes next.
package authn
