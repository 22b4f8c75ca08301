#!/usr/bin/env bash
# Puts what the chart's suite needs, besides what test/e2e/assets.sh --chart builds, where it is found: out of Go modules
# helm, and the CustomResourceDefinitions of the Prometheus operator; out of Debian's package, unless PATH has them,
# prometheus and promtool (installed it would start a service). Runs again at no cost; may be interrupted at any point: a
# file appears under its name only when it is whole.
#
#   bash test/chart/assets.sh           make what is missing
#   bash test/chart/assets.sh --print   only print the four paths
set -euo pipefail

HELM_VERSION=4.3.1
PROMETHEUS_OPERATOR_VERSION=0.85.0

dir="${XDG_CACHE_HOME:-$HOME/.cache}/sextant/chart"
helm=$dir/helm-$HELM_VERSION
definitions=$dir/prometheus-operator-$PROMETHEUS_OPERATOR_VERSION.yaml
prometheus=$(command -v prometheus || printf %s "$dir/prometheus")
promtool=$(command -v promtool || printf %s "$dir/promtool")

say() { printf 'chart assets: %s\n' "$*"; }
fail() { printf 'chart assets: %s\n' "$*" >&2; exit 1; }
built() { [ -x "$helm" ] && [ -s "$definitions" ]; }
found() { [ -x "$prometheus" ] && [ -x "$promtool" ]; }

if [ "${1:-}" = --print ]; then
  printf '%s\n' "$helm" "$definitions" "$prometheus" "$promtool"
  exit 0
fi
if built && found; then
  say "complete in $dir"
  exit 0
fi

# Optional: without them the tests that need them are skipped by name.
fetch_prometheus() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { say 'no apt here: no prometheus'; return; }
  mkdir "$work/package"
  if ! (cd "$work/package" && apt-get download -o APT::Sandbox::User=root -q prometheus >/dev/null 2>&1); then
    say 'Debian package prometheus is not to be had (apt-get update?): no prometheus'
    return
  fi
  dpkg-deb -x "$work"/package/prometheus_*.deb "$work/package"
  for name in promtool prometheus; do mv -f "$work/package/usr/bin/$name" "$dir/$name"; done
  say "fetched $("$dir/prometheus" --version 2>&1 | sed -n '1s/ (.*//p')"
}

mkdir -p "$dir"
# In the same file system, so that mv is atomic; one build at a time.
exec 9> "$dir/.lock"
flock 9
work=$(mktemp -d "$dir/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

found || fetch_prometheus
built || command -v go >/dev/null || { [ -x /usr/local/go/bin/go ] && PATH=$PATH:/usr/local/go/bin; } ||
  fail "go is not installed and $dir is not complete: install Go 1.26 or later"
if [ ! -s "$definitions" ]; then
  say "fetching the definitions of prometheus-operator $PROMETHEUS_OPERATOR_VERSION"
  module=$(go mod download -json "github.com/prometheus-operator/prometheus-operator@v$PROMETHEUS_OPERATOR_VERSION" |
    sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
  [ -n "$module" ] || fail 'prometheus-operator is not in the module cache'
  for name in servicemonitors prometheusrules; do
    printf -- '---\n'
    cat "$module/example/prometheus-operator-crd/monitoring.coreos.com_$name.yaml"
  done > "$work/definitions"
  mv -f "$work/definitions" "$definitions"
fi
if [ ! -x "$helm" ]; then
  say "building helm $HELM_VERSION (minutes the first time)"
  GOBIN=$work nice -n 10 go install -trimpath -ldflags '-s -w' "helm.sh/helm/v4/cmd/helm@v$HELM_VERSION"
  mv -f "$work/helm" "$helm"
fi
say "complete in $dir ($SECONDS s)"
