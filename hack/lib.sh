# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the hack/ programs share: where things are, how they speak, how they enter the build root.
set -euo pipefail

NV_TOP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
NV_CACHE=${NVMETCP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nvmetcp-csi}
export NV_TOP NV_CACHE

# say TEXT...: progress for the person watching, on stderr, with the seconds since the program began.
say() {
	printf '[%4ds] %s\n' "$SECONDS" "$*" >&2
}

# die TEXT...: the end, with a reason.
die() {
	printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
	exit 1
}

# usage_if_asked "$@": print the comment block at the head of the calling program for -h and --help.
usage_if_asked() {
	case ${1-} in
	-h | --help)
		sed -n '3,${/^# shellcheck/q;/^#/!q;s/^# \{0,1\}//p}' "$0"
		exit 0
		;;
	esac
}

# inside_root: true in the build root, false on the host.
inside_root() {
	[ "${NV_INSIDE_ROOT-}" = 1 ]
}

# enter_root "$@": run this program again inside the build root, unless it is there already.
enter_root() {
	inside_root && return 0
	exec "$NV_TOP/hack/dev" "hack/$(basename -- "$0")" "$@"
}
