#!/usr/bin/env bash
# Puts helm where the chart's suite finds it, built from its Go module. Runs again at no cost; may be interrupted at any
# point: the binary appears under its name only when it is whole.
#
#   bash test/chart/assets.sh           build it if it is missing
#   bash test/chart/assets.sh --print   only print the path
set -euo pipefail

HELM_VERSION=4.3.1

dir="${XDG_CACHE_HOME:-$HOME/.cache}/sextant/chart"
helm=${SEXTANT_HELM:-$dir/helm-$HELM_VERSION}

say() { printf 'chart assets: %s\n' "$*"; }
fail() { printf 'chart assets: %s\n' "$*" >&2; exit 1; }

if [ "${1:-}" = --print ]; then
  printf '%s\n' "$helm"
  exit 0
fi
if [ -x "$helm" ]; then
  say "complete: $helm"
  exit 0
fi
[ -z "${SEXTANT_HELM:-}" ] || fail "SEXTANT_HELM names \"$SEXTANT_HELM\", which is no program"
command -v go >/dev/null || { [ -x /usr/local/go/bin/go ] && PATH=$PATH:/usr/local/go/bin; } ||
  fail 'go is not installed: install Go 1.26 or later, or name a helm by SEXTANT_HELM'

mkdir -p "$dir"
# In the same file system, so that mv is atomic; one build at a time.
exec 9> "$dir/.lock"
flock 9
[ ! -x "$helm" ] || { say "complete: $helm"; exit 0; }
work=$(mktemp -d "$dir/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
say "building helm $HELM_VERSION (minutes the first time)"
GOBIN=$work nice -n 10 go install -trimpath -ldflags '-s -w' "helm.sh/helm/v4/cmd/helm@v$HELM_VERSION"
mv -f "$work/helm" "$helm"
say "helm $HELM_VERSION: $helm ($(($(stat -c %s "$helm") / 1048576)) MiB, $SECONDS s)"
