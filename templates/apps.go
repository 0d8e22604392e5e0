package templates

// App is an authenticator app that people may not have heard of yet.
type App struct {
	Name  string
	Links []StoreLink
}

// StoreLink is where an app is found.
type StoreLink struct {
	System string // "android" or "ios"
	Store  string // name of the store
	Href   string
}

const (
	googlePlay = "Google Play"
	appStore   = "App Store"
)

// apps are examples in alphabetical order, none better than another.
var apps = []App{
	app("2FAS Auth", "com.twofasapp", "1217793794"),
	app("Aegis Authenticator", "com.beemdevelopment.aegis", ""),
	app("Ente Auth", "io.ente.auth", "6444121398"),
	app("FreeOTP", "org.fedorahosted.freeotp", "872559395"),
	app("Google Authenticator", "com.google.android.apps.authenticator2", "388497605"),
	app("Microsoft Authenticator", "com.azure.authenticator", "983156458"),
}

func app(name, android, ios string) App {
	a := App{Name: name}
	if android != "" {
		a.Links = append(a.Links, StoreLink{"android", googlePlay, "https://play.google.com/store/apps/details?id=" + android})
	}
	if ios != "" {
		a.Links = append(a.Links, StoreLink{"ios", appStore, "https://apps.apple.com/app/id" + ios})
	}
	return a
}

// appsFor leaves the links of one system; of an unknown system, all.
func appsFor(system string) []App {
	if system != "android" && system != "ios" {
		return apps
	}
	var some []App
	for _, a := range apps {
		for _, l := range a.Links {
			if l.System == system {
				some = append(some, App{a.Name, []StoreLink{l}})
			}
		}
	}
	return some
}
