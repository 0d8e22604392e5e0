package device_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stile/device"
)

func version(t testing.TB, text string, build int) device.Version {
	t.Helper()
	v, err := device.Parse(text, build)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNumbersCompareAsNumbers(t *testing.T) {
	inOrder := []device.Version{
		version(t, "4", 9999), version(t, "4.2", 1570), version(t, "4.2", 9999), version(t, "4.3", 1574),
		version(t, "4.3", 1575), version(t, "4.3.1", 0), version(t, "4.10", 1), version(t, "10.0", 0),
	}
	for i, v := range inOrder {
		for j, w := range inOrder {
			if got := v.Compare(w); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s compared with %s = %d", v, w, got)
			}
		}
	}
	if version(t, "4.3", 7).Compare(version(t, "4.3.0.0", 7)) != 0 {
		t.Error("4.3 and 4.3.0.0 differ")
	}
}

func TestVersionsThatAreNone(t *testing.T) {
	for _, text := range []string{"", "4.", ".3", "4.3.1.2.5", "v4.3", "4.-1", "4.+1", "4.03", "4 .3", "4,3", "9999999999", "٤.٣", "4.3 "} {
		if v, err := device.Parse(text, 1); err == nil {
			t.Errorf("Parse(%q) = %s", text, v)
		}
	}
	for _, build := range []int{-1, device.MaxNumber + 1} {
		if _, err := device.Parse("4.3", build); err == nil {
			t.Errorf("build %d accepted", build)
		}
	}
}

func TestN03_GroupsBelowAreNamed(t *testing.T) {
	needs := version(t, "4.3", 1575)
	err := device.Check(needs, []device.Group{
		{Name: "Zurich", Has: version(t, "4.3", 1574)},
		{Name: "Basel", Has: version(t, "4.3", 1575)},
		{Name: "Aarau", Has: version(t, "4.2", 1570)},
	})
	var below device.BelowError
	if !errors.As(err, &below) {
		t.Fatalf("err = %v", err)
	}
	names := []string{}
	for _, g := range below.Groups {
		names = append(names, g.Name)
	}
	if !slices.Equal(names, []string{"Aarau", "Zurich"}) {
		t.Errorf("groups %v", names)
	}
	if device.Check(needs, []device.Group{{Name: "Basel", Has: version(t, "4.10", 0)}}) != nil || device.Check(needs, nil) != nil {
		t.Error("refused though no group falls short")
	}
}

func TestCompareIsAnOrder(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) device.Version {
		return device.Version{Numbers: rapid.SliceOfN(rapid.IntRange(0, 3), 1, 4).Draw(t, "numbers"), Build: rapid.IntRange(0, 2).Draw(t, "build")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c")
		if (a.Compare(b) < 0) != (b.Compare(a) > 0) {
			t.Fatal("not antisymmetric")
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatal("not transitive")
		}
	})
}
