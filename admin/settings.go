package admin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stile/device"
	"stile/manage"
	"stile/storage"
	"stile/templates"
)

const (
	settingsPath = home + "/settings"
	reviewPath   = settingsPath + "/review"
)

var settingsRoutes = []Route{
	{http.MethodGet, settingsPath, "", manage.Read, (*Visit).settings},
	{http.MethodPost, settingsPath, templates.DoReview, manage.EditPolicy, (*Visit).choose},
	{http.MethodPost, settingsPath, templates.DoRequired, manage.EditPolicy, (*Visit).setRequired},
	{http.MethodPost, settingsPath, templates.DoRules, manage.EditPolicy, (*Visit).setRules},
	{http.MethodGet, reviewPath, "", manage.Read, (*Visit).review},
	{http.MethodPost, reviewPath, "", manage.EditPolicy, (*Visit).switchPolicy},
}

// settings is the switch and what it requires.
func (v *Visit) settings() error { return v.showSettings(http.StatusOK) }

func (v *Visit) showSettings(status int, problems ...templates.FieldError) error {
	r, err := v.Manage.Policy(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	p := r.Now
	page := templates.AdminSettings{
		Account: v.Person.Account.Name, Policy: shownPolicy(p, r.Products, v.Now()), Version: strconv.FormatInt(p.Version, 10),
		Required: shownVersion(p.Required), Reenrolment: string(p.Reenrolment), WaiveFirst: p.WaiveFirst, TrustDays: strconv.Itoa(p.TrustDays()),
		Editable: v.Who.Has(manage.EditPolicy), ChangedBy: personal(r.LastBy), ChangedAt: r.LastAt,
		Lifetimes: templates.AdminLifetimes{
			TwoStepIdle: minutes(p.Lifetimes.TwoStepIdle), TwoStepAbsolute: minutes(p.Lifetimes.TwoStepAbsolute),
			PasswordIdle: minutes(p.Lifetimes.PasswordIdle), PasswordAbsolute: minutes(p.Lifetimes.PasswordAbsolute),
		},
	}
	v.fillChoice(&page, r)
	switch v.Fields.Get(templates.FieldDo) {
	case templates.DoRequired:
		page.Required.Version, page.Required.Build = v.Fields.Get(templates.FieldClientVersion), v.Fields.Get(templates.FieldClientBuild)
	case templates.DoRules:
		page.Reenrolment, page.WaiveFirst = v.Fields.Get(templates.FieldReenrolment), v.Fields.Has(templates.FieldWaiveFirst)
		page.TrustDays = v.Fields.Get(templates.FieldTrustDays)
	}
	return v.Show(status, page, problems...)
}

// fillChoice fills in the form that leads to the review: what was chosen a
// moment ago, or else how things are.
func (v *Visit) fillChoice(page *templates.AdminSettings, r manage.Review) {
	chosen := v.choice().Has(templates.FieldTwoStep)
	switch p := r.Now; {
	case chosen:
		page.Choice, page.From = v.choice().Get(templates.FieldTwoStep), v.choice().Get(templates.FieldFrom)
	case !p.TwoStep:
		page.Choice = templates.TwoStepOff
	case len(p.Products) > 0:
		page.Choice = templates.TwoStepProducts
	default:
		page.Choice = templates.TwoStepEveryone
	}
	if from := r.Now.From; !chosen && from.After(v.Now()) {
		page.From = from.In(v.zone()).Format(time.DateOnly)
	}
	covered := r.Now.Products
	if chosen {
		covered = v.covered(r.Products)
	}
	page.Products = seatChoices(r.Products, covered)
}

// review says what the change would bring.
func (v *Visit) review() error { return v.showReview(http.StatusOK, false) }

// showReview shows it as things are now; meanwhile says that they are no longer
// as whoever asks has seen them.
func (v *Visit) showReview(status int, meanwhile bool) error {
	now, err := v.Manage.Policy(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	c, err := v.wanted(now.Products)
	var r manage.Review
	if err == nil {
		r, err = v.Manage.ReviewPolicy(v.R.Context(), v.Who, c)
	}
	if problems, ok := Problems(err); ok {
		return v.showSettings(http.StatusUnprocessableEntity, problems...)
	} else if err != nil {
		return err
	}
	page := templates.AdminReview{
		Account: v.Person.Account.Name, Now: shownPolicy(r.Now, r.Products, v.Now()), Next: shownPolicy(r.Next, r.Products, v.Now()),
		Same: samePolicy(r.Now, r.Next), Coverage: shownCoverage(r.Coverage), Required: shownVersion(r.Next.Required),
		Editable: v.Who.Has(manage.EditPolicy), Meanwhile: meanwhile, ChangedBy: personal(r.LastBy), ChangedAt: r.LastAt,
	}
	if page.Below, err = v.below(r.Below); err != nil {
		return err
	}
	choice := v.packed(now.Products)
	for _, name := range slices.Sorted(maps.Keys(choice)) {
		page.Hidden = append(page.Hidden, templates.FormField{Name: name, Value: choice.Get(name)})
	}
	page.Hidden = append(page.Hidden, templates.FormField{Name: templates.FieldVersion, Value: strconv.FormatInt(r.Now.Version, 10)})
	page.Back = withQuery(settingsPath, choice)
	return v.Show(status, page)
}

// below finds the groups that stand in the way, each with its id, so that the
// page can lead to it.
func (v *Visit) below(groups []device.Group) (shown []templates.AdminBelow, err error) {
	if len(groups) == 0 {
		return nil, nil
	}
	all, err := v.Manage.DeviceGroups(v.R.Context(), v.Who)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		b := shownVersion(g.Has)
		b.Name = g.Name
		for _, known := range all {
			if known.Name == g.Name {
				b.ID = known.ID
			}
		}
		shown = append(shown, b)
	}
	return shown, nil
}

// switchPolicy makes the change that was reviewed.
func (v *Visit) switchPolicy() error {
	version, err := strconv.ParseInt(v.Fields.Get(templates.FieldVersion), 10, 64)
	if err != nil || version <= 0 {
		return v.showReview(http.StatusConflict, true)
	}
	now, err := v.Manage.Policy(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	c, err := v.wanted(now.Products)
	if err == nil {
		_, err = v.Manage.SetPolicy(v.R.Context(), v.Who, c, version)
	}
	if problems, ok := Problems(err); ok {
		return v.showSettings(http.StatusUnprocessableEntity, problems...)
	}
	if _, blocked := errors.AsType[device.BelowError](err); blocked {
		return v.showReview(http.StatusConflict, false) // a group fell, or was added, meanwhile
	}
	switch {
	case errors.Is(err, manage.ErrChanged):
		return v.showReview(http.StatusConflict, true)
	case err != nil:
		return err
	case !*c.TwoStep:
		return v.Done(settingsPath, "policy-off")
	}
	return v.Done(settingsPath, "policy-on")
}

// setRequired changes the client version that device groups must have.
func (v *Visit) setRequired() error {
	version, err := v.clientVersion()
	if err != nil {
		return v.settingsAgain(err)
	}
	return v.setPolicy(manage.PolicyChange{Required: &version})
}

// setRules changes how a lost device is replaced, whether the setup code is the
// first code, and for how long browsers are trusted.
func (v *Visit) setRules() error {
	mode := storage.Reenrolment(v.Fields.Get(templates.FieldReenrolment))
	waive := v.Fields.Has(templates.FieldWaiveFirst)
	c := manage.PolicyChange{Reenrolment: &mode, WaiveFirst: &waive}
	if v.Fields.Has(templates.FieldTrustDays) {
		days, err := strconv.Atoi(strings.TrimSpace(v.Fields.Get(templates.FieldTrustDays)))
		if err != nil {
			days = -1
		}
		c.TrustDays = &days
	}
	return v.setPolicy(c)
}

func (v *Visit) setPolicy(c manage.PolicyChange) error {
	version, err := strconv.ParseInt(v.Fields.Get(templates.FieldVersion), 10, 64)
	if err != nil || version <= 0 {
		err = manage.ErrChanged
	} else {
		_, err = v.Manage.SetPolicy(v.R.Context(), v.Who, c, version)
	}
	if err != nil {
		return v.settingsAgain(err)
	}
	return v.Done(settingsPath, "saved")
}

// settingsAgain shows the settings with what was wrong with a form of theirs.
func (v *Visit) settingsAgain(err error) error {
	if problems, ok := Problems(err); ok {
		return v.showSettings(http.StatusUnprocessableEntity, problems...)
	}
	if errors.Is(err, manage.ErrChanged) {
		return v.showSettings(http.StatusConflict, templates.FieldError{Key: templates.ErrAdminChanged})
	}
	return err
}

// clientVersion reads the fields of a client version.
func (v *Visit) clientVersion() (device.Version, error) {
	build, err := strconv.Atoi(v.Fields.Get(templates.FieldClientBuild))
	if err != nil {
		build = -1
	}
	return manage.ParseVersion(v.Fields.Get(templates.FieldClientVersion), build)
}

// shownPolicy is a policy in the words of pages.
func shownPolicy(p storage.Policy, products []storage.Product, now time.Time) templates.AdminPolicy {
	shown := templates.AdminPolicy{On: p.TwoStep}
	if p.From.After(now) {
		shown.From = p.From
	}
	for _, product := range products { // by name
		if slices.Contains(p.Products, product.ID) {
			shown.Products = append(shown.Products, product.Name)
		}
	}
	return shown
}

func samePolicy(a, b storage.Policy) bool {
	return a.TwoStep == b.TwoStep && a.From.Equal(b.From) && (!a.TwoStep || slices.Equal(slices.Sorted(slices.Values(a.Products)), slices.Sorted(slices.Values(b.Products))))
}

func shownVersion(d device.Version) templates.AdminBelow {
	return templates.AdminBelow{Version: d.Text(), Build: fmt.Sprint(d.Build)}
}

func shownCoverage(c storage.Coverage) templates.AdminCoverage {
	return templates.AdminCoverage{Users: c.Users, Covered: c.Covered, Enrolled: c.Enrolled, ToEnrol: c.ToEnrol, SignedIn: c.SignedIn}
}

func minutes(d time.Duration) int { return int(d / time.Minute) }

// personal is the name of a person, or "" for what acts by itself.
func personal(name string) string {
	if name == "cli" || name == "system" {
		return ""
	}
	return name
}
