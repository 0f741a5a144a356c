#!/bin/sh
# Builds what is released into a folder (dist), for each architecture of ARCHS: cashier-till (agent, screen, and what
# the machine needs beside them, to be laid over its root), cashier-hub and firmware-sim, as tar.gz; the same source
# gives the same bytes, on every machine with the same Go and the same Debian. SHA256SUMS names them all.
#
# Agent, screen and simulator are static: they run on whatever is on the board. The hub is not. It looks for OpenSSL
# and for a PKCS#11 module when it starts, and a static program can load neither: it needs the C library of Debian 12
# or newer (GLIBC below says which symbols).
set -eu
cd "$(dirname "$0")/.."
out=${1:-dist}
archs=${ARCHS:-amd64 arm64 armv7}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
# Everything in an archive has the time of the source.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
native=$(go env GOHOSTARCH)

rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# Nothing that only a test or a measurement needs may be inside of what a shop runs.
hooks=$(go list -deps ./agent ./hub ./tui | grep -E '^cloudcashier/(scripts|firmware-sim)|^cloudcashier/.*test$|^testing$' || true)
[ -z "$hooks" ] || { echo "release: a released program imports $hooks" >&2; exit 1; }

pack() { # pack NAME FOLDER: the folder's files, not its folders, whose modes on the machine are not ours
	(cd "$2" && find . -type f | sed 's|^\./||' | LC_ALL=C sort >"$stage/list" &&
		tar --create --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$epoch" --no-recursion --files-from="$stage/list" --file=-) |
		gzip -n -9 >"$out/$1.tar.gz"
}

# As in the Makefile.
sqlite="-DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_OMIT_SHARED_CACHE"

for arch in $archs; do
	GOARM=
	case $arch in
	amd64) GOARCH=amd64 CC=x86_64-linux-gnu-gcc ;;
	arm64) GOARCH=arm64 CC=aarch64-linux-gnu-gcc ;;
	armv7) GOARCH=arm GOARM=7 CC=arm-linux-gnueabihf-gcc ;;
	*) echo "release: $arch is none of amd64, arm64, armv7" >&2; exit 2 ;;
	esac
	if [ "$GOARCH" = "$native" ]; then CC=gcc; fi
	export GOOS=linux GOARCH GOARM CC GOFLAGS=-trimpath
	flags="-s -w -X main.version=$version"
	tags="netgo,osusergo,sqlite_omit_load_extension"
	tree="$stage/$arch"
	mkdir -p "$tree/till" "$tree/hub/usr/bin" "$tree/sim/usr/bin"
	cp -R deploy/till/. "$tree/till/"
	mkdir -p "$tree/till/usr/bin"
	# The amalgamation of SQLite is C; the others hold none, and need no C compiler to be static.
	# The agent is built for little room: C for size, Go without copies of small functions in their callers. It costs no
	# processor time that can be measured, and spares 1.1 MiB of the file and as much memory.
	CGO_ENABLED=1 CGO_CFLAGS="-Os $sqlite" go build -buildvcs=false -gcflags=all=-l -tags "$tags" -ldflags "$flags -linkmode external -extldflags -static" -o "$tree/till/usr/bin/cashier-agent" ./agent
	CGO_ENABLED=0 go build -buildvcs=false -tags "$tags" -ldflags "$flags" -o "$tree/till/usr/bin/cashier-tui" ./tui
	CGO_ENABLED=0 go build -buildvcs=false -tags "$tags" -ldflags "$flags" -o "$tree/sim/usr/bin/firmware-sim" ./firmware-sim
	CGO_ENABLED=1 CGO_CFLAGS="-O2 $sqlite" go build -buildvcs=false -tags "sqlite_omit_load_extension" -ldflags "$flags -linkmode external" -o "$tree/hub/usr/bin/cashier-hub" ./hub
	for static in "$tree"/till/usr/bin/* "$tree"/sim/usr/bin/*; do
		file "$static" | grep -q 'statically linked' || { echo "release: $static is not static" >&2; exit 1; }
	done
	agent=$(stat -c %s "$tree/till/usr/bin/cashier-agent")
	[ "$agent" -le $((12 << 20)) ] || { echo "release: the agent has $agent bytes on $arch, more than 12 MiB" >&2; exit 1; }
	find "$tree" -type f -exec chmod 644 {} +
	chmod 755 "$tree"/*/usr/bin/*
	pack "cashier-till-$version-linux-$arch" "$tree/till"
	pack "cashier-hub-$version-linux-$arch" "$tree/hub"
	pack "firmware-sim-$version-linux-$arch" "$tree/sim"
	echo "release: $arch: agent $agent bytes, screen $(stat -c %s "$tree/till/usr/bin/cashier-tui"), hub $(stat -c %s "$tree/hub/usr/bin/cashier-hub")" \
		"($(readelf -V "$tree/hub/usr/bin/cashier-hub" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1))"
done
(cd "$out" && LC_ALL=C sha256sum -- *.tar.gz >SHA256SUMS)
echo "release: $(wc -l <"$out/SHA256SUMS") archives in $out"
