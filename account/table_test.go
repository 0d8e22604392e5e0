package account

// Route is a line of the table of routes, for the tests of all of them.
type Route struct{ Method, Path, Do string }

// Routes is the table of routes without what each needs: the tests know better.
func Routes() (all []Route) {
	for _, r := range routes {
		all = append(all, Route{r.method, r.path, r.do})
	}
	return all
}
