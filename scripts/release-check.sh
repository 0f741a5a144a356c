#!/bin/sh
# Builds the release twice, from two folders and with nothing remembered between them, and compares every byte; then
# runs what was built: its version, the till's doctor, and a sale from the till to the pretended wallet, on foreign
# processors through an emulator.
set -eu
cd "$(dirname "$0")/.."
archs=${ARCHS:-amd64 arm64 armv7}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export ARCHS="$archs"
VERSION=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export VERSION SOURCE_DATE_EPOCH

mkdir "$work/second"
{ git ls-files --cached --others --exclude-standard 2>/dev/null || find . -type f -not -path './.git/*' -not -path './bin/*' -not -path './dist/*'; } |
	tar --create --files-from=- --file=- | tar --extract --directory "$work/second" --file=-
scripts/release.sh dist
echo "release-check: the same again elsewhere, with an empty build cache"
GOCACHE="$work/cache" "$work/second/scripts/release.sh" "$work/second/dist"
cmp dist/SHA256SUMS "$work/second/dist/SHA256SUMS" || { echo "release-check: two builds of one source differ" >&2; exit 1; }
(cd dist && sha256sum --check --quiet SHA256SUMS)
echo "release-check: both builds are the same, byte for byte"

for arch in $archs; do
	mkdir -p "$work/$arch"
	for archive in dist/*-linux-"$arch".tar.gz; do tar --extract --gzip --directory "$work/$arch" --file "$archive"; done
	go run ./scripts/released -bin "$work/$arch/usr/bin" -arch "$arch" -version "$VERSION"
done
