// Package powercut proves that what was told survives the power: it records once, under strace, what the real
// programs write and what they say to people, builds from that the disks that a power cut at any moment may leave,
// and opens each as the program would. A second harness fails the programs' system calls one by one.
//
// It refuses to trust itself: the log must explain the real folders byte for byte, and logs without their syncs
// must be found out. Newcomers get one thing wrong: an image is not the folder at a moment. Only what was synced
// before the cut is certain; of the rest every sector, size and name may be old, new or torn by itself.
package powercut
