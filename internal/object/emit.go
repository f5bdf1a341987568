package object

// An EmitSite is a call that puts a record into a buffer.
type EmitSite struct{}

type debugInfo struct{}
