// Package channeltest is the proof every connector passes, whatever its wallet's protocol.
//
// [Run] plays every fate of the sandbox through a connector and compares what it found with the
// wallet's own ledger; of a wallet that shows codes, every fate of the customer who scans one with every fault
// of the line. [Hostile] puts damaged, late, redirected and forged answers between a
// connector and an honest wallet, and wants Unknown for all of them. It is imported by tests only.
//
// Newcomers get one thing wrong: a connector that says Unknown too often passes no case here
// either; each suite begins with the answer that must be believed.
package channeltest
