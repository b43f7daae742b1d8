#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The backend "linux" keeps the contract against a real nvmetcp-target on a real kernel: the
# conformance suite, with lost answers, and two controller processes. Afterwards the machine must be
# as it was. $1: build folder.
set -euo pipefail
build=${1:-/src/build/dev}
socket=/run/nvmetcp-target.sock
check=(python3 test/checker/nvcheck.py)
work=$(mktemp -d)

modprobe -a nvmet-tcp nvme-tcp xfs loop
mkfs.xfs -q -m reflink=1 /dev/vda
mkdir -p /srv/disk /var/lib/kubelet
mount /dev/vda /srv/disk
for pool in fast slow; do
	mkdir "/srv/disk/$pool"
	"$build/bin/nvmetcp-target" --init-pool "/srv/disk/$pool" "$pool"
done
cat >"$work/target.json" <<END
{"listen": "unix:$socket", "stateDir": "$work/state", "poolWaitSeconds": 1,
 "portals": ["127.0.0.1:4420", "127.0.0.2:4420"],
 "pools": [{"name": "fast", "type": "file", "path": "/srv/disk/fast"},
           {"name": "slow", "type": "file", "path": "/srv/disk/slow"}]}
END

"$build/bin/nvmetcp-target" --config "$work/target.json" 2>/out/target.log &
agent=$!
trap 'kill "$agent" 2>/dev/null || true; wait "$agent" || true' EXIT
for _ in $(seq 60); do
	health=$(curl -s --unix-socket "$socket" http://localhost/healthz -w ' %{http_code}' || true)
	case $health in *" 200") break ;; esac
	kill -0 "$agent"
	sleep 0.5
done
case $health in
*" 200") ;;
*)
	echo "the agent is not well: $health"
	tail -n 20 /out/target.log
	exit 1
	;;
esac

"${check[@]}" take --tree /srv/disk --name conformance >"$work/before"
"$build/backend/backend_conformance" --backend linux --url "unix://$socket" \
	--pool fast --other-pool slow
"${check[@]}" compare "$work/before" --tree /srv/disk --name conformance || {
	echo "the suite leaves something behind"
	exit 1
}
echo "the linux backend keeps the contract"
