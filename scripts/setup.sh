#!/bin/sh
# Makes sure that what building and testing need is there; installs from Debian only what is missing.
# Today that is a C compiler (for SQLite, and for the library that makes system calls fail), strace, OpenSSL
# (the hub finds its library when it starts and can do without; the tests want it), and SoftHSM with p11-kit
# (a PKCS#11 token, and the same token in a process of its own), and systemd, which reads the till's units; with the
# argument "conformance" also Node and npm, with "release" the cross compilers and an emulator of what they build for,
# which nothing else here needs.
set -eu

missing=""
command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v softhsm2-util >/dev/null 2>&1 || missing="$missing softhsm2"
command -v p11-kit >/dev/null 2>&1 || missing="$missing p11-kit"
ls /usr/lib/*/pkcs11/p11-kit-client.so >/dev/null 2>&1 || missing="$missing p11-kit-modules"
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
if [ "${1:-}" = release ]; then
	command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 || missing="$missing gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
	command -v arm-linux-gnueabihf-gcc >/dev/null 2>&1 || missing="$missing gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
	command -v qemu-arm-static >/dev/null 2>&1 || missing="$missing qemu-user-static"
	command -v file >/dev/null 2>&1 || missing="$missing file"
fi
if [ "${1:-}" = conformance ]; then
	command -v node >/dev/null 2>&1 || missing="$missing nodejs"
	command -v npm >/dev/null 2>&1 || missing="$missing npm"
fi
command -v go >/dev/null 2>&1 || { echo "setup: Go is missing; get 1.26 or later from https://go.dev/dl" >&2; exit 1; }

[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "setup: missing$missing; run: sudo apt-get install$missing" >&2
	exit 1
fi
apt-get update -q
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
