package admin

// CheckRoutes refuses a table that is not sound, as [New] does.
func CheckRoutes(table []Route) error {
	_, err := pagesOf(table)
	return err
}
