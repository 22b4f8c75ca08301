#!/usr/bin/env bash
# Puts kube-apiserver and etcd where the end-to-end suite finds them, and for the lab (test/lab) the rest of a cluster. All
# are built from their Go modules, because no registry of binaries is taken for granted. Runs again at no cost; may be
# interrupted at any point: a binary appears under its name only when it is whole.
#
#   bash test/e2e/assets.sh           build what is missing
#   bash test/e2e/assets.sh --lab     and what the lab needs beside: controllers, scheduler, kubelet, kube-proxy
#   bash test/e2e/assets.sh --print   only print the directory
#   bash test/e2e/assets.sh --chart   and kubeadm, for the chart's tests
set -euo pipefail

KUBERNETES_VERSION=1.36.2
ETCD_VERSION=3.6.16

default_dir="${XDG_CACHE_HOME:-$HOME/.cache}/sextant/kubebuilder-assets"

say() { printf 'e2e assets: %s\n' "$*"; }
fail() { printf 'e2e assets: %s\n' "$*" >&2; exit 1; }

complete() { [ -x "$1/kube-apiserver" ] && [ -x "$1/etcd" ] && { [ -x "$1/kubectl" ] || command -v kubectl >/dev/null; }; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ] && complete "$KUBEBUILDER_ASSETS"; then
  dir=$KUBEBUILDER_ASSETS
else
  dir=$default_dir
fi
if [ "${1:-}" = --print ]; then
  printf '%s\n' "$dir"
  exit 0
fi

# A version file beside each binary of ours: a new version in this script builds again.
present() { # NAME VERSION
  [ -x "$dir/$1" ] && { [ "$dir" != "$default_dir" ] || [ "$(cat "$dir/$1.version" 2>/dev/null)" = "$2" ]; }
}

install_binary() { # NAME VERSION FILE
  local size
  size=$(stat -c %s "$3")
  rm -f "$dir/$1.version"
  mv -f "$3" "$dir/$1"
  printf '%s\n' "$2" > "$dir/$1.version"
  say "$1 $2: $dir/$1 ($((size / 1048576)) MiB, $((SECONDS - started)) s)"
}

build_kubernetes() { # NAME...
  local mod=$work/kubernetes module_file name staging
  need_go "$1"
  mkdir -p "$mod"
  cd "$mod"
  module_file=$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES_VERSION" | sed -n 's/^[[:space:]]*"GoMod": "\(.*\)",\{0,1\}$/\1/p')
  [ -n "$module_file" ] || fail "k8s.io/kubernetes@v$KUBERNETES_VERSION has no go.mod in the module cache"
  # The module points its staging modules at folders of its own tree; as a dependency they are separate modules, v0.X.Y.
  staging=$(sed -n 's#^[[:space:]]*\(k8s\.io/[a-z0-9-]*\) => \./staging/.*#\1#p; s#^replace \(k8s\.io/[a-z0-9-]*\) => \./staging/.*#\1#p' "$module_file" | sort -u)
  if [ -z "$staging" ]; then
    staging=$(sed -n 's#^[[:space:]]*\(k8s\.io/[a-z0-9-]*\) v0\.0\.0\( .*\)\{0,1\}$#\1#p' "$module_file" | sort -u)
  fi
  [ -n "$staging" ] || fail "no staging modules found in $module_file"
  {
    printf 'module sextant.test/kubernetes\n\n'
    grep -E '^go [0-9]' "$module_file"
    grep -E '^godebug ' "$module_file" || true
    sed -n '/^godebug (/,/^)/p' "$module_file"
    printf '\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$KUBERNETES_VERSION"
    for name in $staging; do printf '\t%s => %s v0.%s\n' "$name" "$name" "${KUBERNETES_VERSION#1.}"; done
    printf ')\n'
  } > go.mod
  local version=k8s.io/component-base/version
  for name in "$@"; do
    started=$SECONDS
    say "building $name $KUBERNETES_VERSION (minutes the first time)"
    GOFLAGS=-mod=mod nice -n 10 go build -trimpath -o "$work/$name" \
      -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")" \
      "k8s.io/kubernetes/cmd/$name"
    install_binary "$name" "$KUBERNETES_VERSION" "$work/$name"
  done
}

build_etcd() {
  local mod=$work/etcd
  need_go etcd
  started=$SECONDS
  mkdir -p "$mod"
  cd "$mod"
  # `go install` of the server module is refused for its replace lines; a main of our own is not.
  cat > main.go <<'GO'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
GO
  printf 'module sextant.test/etcd\n\ngo 1.24\n\nrequire go.etcd.io/etcd/server/v3 v%s\n' "$ETCD_VERSION" > go.mod
  say "building etcd $ETCD_VERSION"
  GOFLAGS=-mod=mod nice -n 10 go build -trimpath -ldflags '-s -w' -o "$work/etcd-binary" .
  install_binary etcd "$ETCD_VERSION" "$work/etcd-binary"
}

# etcd 3.4 of Debian, for the case where the API server refuses streaming lists. Taken out of its package, so that no
# service is installed. Absent: that one test is skipped by name.
fetch_old_etcd() {
  local package
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { say 'no apt here: no old etcd'; return; }
  cd "$work"
  if ! apt-get download -o APT::Sandbox::User=root -q etcd-server >/dev/null 2>&1; then
    say 'Debian package etcd-server is not to be had (apt-get update?): no old etcd'
    return
  fi
  for package in etcd-server_*.deb; do dpkg-deb -x "$package" old-etcd; done
  mv -f old-etcd/usr/bin/etcd "$dir/etcd-old"
  say "old etcd: $("$dir/etcd-old" --version | head -1)"
}

lab=()
[ "${1:-}" != --lab ] || lab=(kube-controller-manager kube-scheduler kubelet kube-proxy)
missing=()
for name in ${lab[@]+"${lab[@]}"}; do present "$name" "$KUBERNETES_VERSION" || missing+=("$name"); done
present kube-apiserver "$KUBERNETES_VERSION" || missing+=(kube-apiserver)
present kubectl "$KUBERNETES_VERSION" || command -v kubectl >/dev/null || missing+=(kubectl)
[ "${1:-}" != --chart ] || present kubeadm "$KUBERNETES_VERSION" || missing+=(kubeadm)
if [ ${#missing[@]} -eq 0 ] && present etcd "$ETCD_VERSION" && { [ "$dir" != "$default_dir" ] || [ -x "$dir/etcd-old" ]; }; then
  say "complete in $dir"
  exit 0
fi

need_go() {
  command -v go >/dev/null || { [ -x /usr/local/go/bin/go ] && PATH=$PATH:/usr/local/go/bin; } ||
    fail "go is not installed and $dir lacks $1: install Go 1.26 or later, or set KUBEBUILDER_ASSETS to a directory with kube-apiserver and etcd"
}

mkdir -p "$dir"
# Temporary files live in the same file system, so that mv is atomic; one build at a time.
exec 9> "$dir/.lock"
flock 9
work=$(mktemp -d "$dir/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

[ -x "$dir/etcd-old" ] || fetch_old_etcd
present etcd "$ETCD_VERSION" || build_etcd
still=()
for name in ${missing[@]+"${missing[@]}"}; do present "$name" "$KUBERNETES_VERSION" || still+=("$name"); done
[ ${#still[@]} -eq 0 ] || build_kubernetes "${still[@]}"
say "complete in $dir"
