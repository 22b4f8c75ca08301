# Read by bin/sextant where SEXTANT_PERMISSION is 1: the flags of Node's permission model, a line each, in $flags. Allowed is
# what every server needs, what lies beside the Corefile, and what these list: SEXTANT_READ, SEXTANT_WRITE (files and folders,
# colons in between), SEXTANT_EXEC=1. The Corefile is not asked: who may edit it may not widen this.
# docs/security.md says what it protects, and what not.

add() { # FLAG
  flags="$flags$1
"
}

# Node takes a folder that is not there yet for a file, so what is in it is named too.
allow() { # read|write PATHS
  set -- "$1" "$2:"
  while [ -n "$2" ]; do
    path=${2%%:*}
    set -- "$1" "${2#*:}"
    case $path in
      '') continue ;;
      /*) ;;
      *) path=${PWD%/}/$path ;;
    esac
    path=${path%/}
    [ -z "$path" ] || add "--allow-fs-$1=$path"
    add "--allow-fs-$1=$path/*"
  done
}

# The Corefile, and what it imports from its folder, unless that is the root.
allow_corefile() { # FILE
  case $1 in
    /*) path=$1 ;;
    *) path=${PWD%/}/$1 ;;
  esac
  add "--allow-fs-read=$path"
  allow read "$(folder_of "$path")"
}

add --permission
# Node warns at every start that these are dangerous, or young.
for code in PERM0002 PERM0003 PERM0004 PERM0006; do add "--disable-warning=$code"; done
add --disable-warning=ExperimentalWarning
add --allow-net
add --allow-worker
# Native calls may do whatever the process may. Beside them the inspector adds nothing, and without it Node blocks SIGUSR1.
if [ "${SEXTANT_UDP-}" != dgram ]; then
  add --allow-ffi
  add --allow-inspector
fi
[ "${SEXTANT_EXEC-}" != 1 ] || add --allow-child-process
for place in "$root" /etc /run/secrets /var/run/secrets; do allow read "$place"; done
for place in limits smaps status stat fd 'fd/*'; do add "--allow-fs-read=/proc/self/$place"; done
for place in tcp tcp6 udp udp6; do add "--allow-fs-read=/proc/net/$place"; done
# Standard output and error are opened once more, so that they do not block.
add --allow-fs-write=/proc/self/fd/1
add --allow-fs-write=/proc/self/fd/2
allow read "${SSL_CERT_FILE-}:${SEXTANT_READ-}:${SEXTANT_WRITE-}"
allow write "${SEXTANT_WRITE-}"

corefile=Corefile
previous=
for word in "$@"; do
  case $word in
    -conf=* | --conf=*) corefile=${word#*=} ;;
  esac
  case $previous in
    -conf | --conf | check) corefile=$word ;;
  esac
  previous=$word
done
allow_corefile "$corefile"
