// Package device says whether a device group's client is new enough. It is pure.
package device

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxNumber bounds each number of a version, and the build.
const MaxNumber = 999_999_999

// Version is a client version such as 4.3 with its build, such as 1575.
// Its numbers compare as numbers: 4.10 is newer than 4.3.
type Version struct {
	Numbers []int
	Build   int
}

// Parse reads a dotted version of one to four numbers, and a build. It refuses
// anything else, saying what was wrong.
func Parse(version string, build int) (Version, error) {
	parts := strings.Split(version, ".")
	if len(parts) > 4 {
		return Version{}, fmt.Errorf("client version %q: use one to four numbers with dots between, such as 4.3", version)
	}
	v := Version{Build: build}
	for _, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n > MaxNumber || p != strconv.Itoa(n) || n < 0 {
			return Version{}, fmt.Errorf("client version %q: use one to four numbers with dots between, such as 4.3", version)
		}
		v.Numbers = append(v.Numbers, n)
	}
	if build < 0 || build > MaxNumber {
		return Version{}, fmt.Errorf("client build %d: use a number from 0 to %d", build, MaxNumber)
	}
	return v, nil
}

// Text returns the dotted version without the build.
func (v Version) Text() string {
	parts := make([]string, len(v.Numbers))
	for i, n := range v.Numbers {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ".")
}

// String returns "4.3 build 1575".
func (v Version) String() string { return fmt.Sprintf("%s build %d", v.Text(), v.Build) }

// Compare is negative if v is older than w. Missing numbers count as 0; the
// build decides between equal versions.
func (v Version) Compare(w Version) int {
	for i := range max(len(v.Numbers), len(w.Numbers)) {
		if c := at(v.Numbers, i) - at(w.Numbers, i); c != 0 {
			return c
		}
	}
	return v.Build - w.Build
}

func at(numbers []int, i int) int {
	if i < len(numbers) {
		return numbers[i]
	}
	return 0
}

// Group is a set of an account's managed devices with one client version.
type Group struct {
	Name string
	Has  Version
}

// BelowError says which groups fall short of what is required.
type BelowError struct {
	Needs  Version
	Groups []Group
}

func (e BelowError) Error() string {
	names := make([]string, len(e.Groups))
	for i, g := range e.Groups {
		names[i] = fmt.Sprintf("%s has %s", g.Name, g.Has)
	}
	return fmt.Sprintf("device groups below the required client version %s: %s: raise them first", e.Needs, strings.Join(names, "; "))
}

// Check returns a [BelowError] with the groups, by name, that are older than needed.
func Check(needs Version, groups []Group) error {
	var below []Group
	for _, g := range groups {
		if g.Has.Compare(needs) < 0 {
			below = append(below, g)
		}
	}
	if below == nil {
		return nil
	}
	slices.SortFunc(below, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return BelowError{Needs: needs, Groups: below}
}
