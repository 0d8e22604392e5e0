package config

// Limits is replaced by the figures of package limit.
type Limits struct{}
