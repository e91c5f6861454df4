#!/usr/bin/env bash
# Runs one command in the image's root file system as a container engine would, in namespaces of its own:
#   contained.sh <root> <file for the process id> <uid:gid> [option …] [NAME=value …] -- command …
# Options: --read-only, --no-new-privileges, --cap-drop-all, --tmpfs <folder>, --bind <from> <to>
# All mounts are in a namespace that ends with the command, whatever happens.
source "$(dirname "$0")/../../deploy/local/lib.sh"

# In the new namespaces, as root: mounts, then gives everything up.
contained() {
    local root=$1 pid_file=$2 user=$3 read_only= variables=()
    local privileges=(--reuid "${user%:*}" --regid "${user#*:}" --clear-groups)
    shift 3
    # The old /proc is still there: this is the number that the machine knows.
    read -r pid _ </proc/self/stat
    echo "$pid" >"$pid_file"

    mount --rbind "$root" "$root"
    cd "$root"
    mount -t proc -o nosuid,nodev,noexec proc proc
    while [ "$1" != -- ]; do
        case $1 in
            --read-only) read_only=1; shift ;;
            --no-new-privileges) privileges+=(--no-new-privs); shift ;;
            --cap-drop-all) privileges+=(--bounding-set=-all --inh-caps=-all --ambient-caps=-all); shift ;;
            --tmpfs) place "$2"; mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=64m tmpfs "$root$2"; shift 2 ;;
            --bind) place "$3" "$2"; mount --bind "$2" "$root$3"; shift 3 ;;
            *=*) variables+=("$1"); shift ;;
            *) die "contained.sh does not know '$1'" ;;
        esac
    done
    shift
    [ -z "$read_only" ] || mount -o remount,bind,ro "$root"
    # Nothing of the machine's own tree can be reached any more.
    pivot_root . .
    umount -l .
    exec env -i "${variables[@]}" setpriv "${privileges[@]}" "$@"
}

# Somewhere to mount at, as an engine makes it: a file for a file. A link would lead out of the root.
place() {
    [ "$(realpath -m "$root$1")" = "$root$1" ] || die "$1 is a link in the image: mount at where it leads"
    if [ -f "${2:-}" ]; then touch "$root$1"; else mkdir -p "$root$1"; fi
}

if [ "${1:-}" = --inside ]; then shift; contained "$@"; fi
as_root unshare --mount --pid --fork --ipc --uts bash "$0" --inside "$@"
