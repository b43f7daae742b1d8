#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The backend "linux" keeps the contract against a real nvmetcp-target on a real kernel: the
# conformance suite, with lost answers, and two controller processes. Afterwards the machine must be
# as it was. $1: build folder; $2: the kind of store, file or lvmthin.
set -euo pipefail
build=${1:-/src/build/dev}
store=${2:-file}
socket=/run/nvmetcp-target.sock
check=(python3 test/checker/nvcheck.py)
work=$(mktemp -d)

modprobe -a nvmet-tcp nvme-tcp xfs loop dm-thin-pool
mkdir -p /srv/disk /var/lib/kubelet
if [ "$store" = lvmthin ]; then
	cp deploy/57-nvmetcp-target.rules /etc/udev/rules.d/
	/usr/lib/systemd/systemd-udevd --daemon
	udevadm trigger --settle
	lvm vgcreate --metadatasize 8m vg0 /dev/vda
	lvm lvcreate --yes -L 320m -n state vg0
	for pool in fast slow; do
		lvm lvcreate --yes --type thin-pool -L 768m -n "$pool" vg0
		lvm lvchange --yes --errorwhenfull y "vg0/$pool"
	done
	disk=/dev/vg0/state
else
	disk=/dev/vda
fi
# volumes: every logical volume there is, besides the files that the checker counts.
volumes() {
	[ "$store" = file ] || lvm lvs --noheadings -o lv_name vg0
}
mkfs.xfs -q -m reflink=1 "$disk"
mount "$disk" /srv/disk
for pool in fast slow; do
	mkdir "/srv/disk/$pool"
	if [ "$store" = lvmthin ]; then
		more=(",\"vg\": \"vg0\", \"thinPool\": \"$pool\"" "vg0/$pool")
	else
		more=("")
	fi
	"$build/bin/nvmetcp-target" --init-pool "/srv/disk/$pool" "$pool" "${more[@]:1}"
	pools+=("{\"name\": \"$pool\", \"type\": \"$store\", \"path\": \"/srv/disk/$pool\"${more[0]}}")
done
cat >"$work/target.json" <<END
{"listen": "unix:$socket", "stateDir": "$work/state", "poolWaitSeconds": 1,
 "portals": ["127.0.0.1:4420", "127.0.0.2:4420"],
 "pools": [${pools[0]}, ${pools[1]}]}
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
before=$(volumes)
"$build/backend/backend_conformance" --backend linux --url "unix://$socket" \
	--pool fast --other-pool slow
"${check[@]}" compare "$work/before" --tree /srv/disk --name conformance || {
	echo "the suite leaves something behind"
	exit 1
}
[ "$(volumes)" = "$before" ] || {
	echo "the suite leaves logical volumes behind: $(volumes)"
	exit 1
}
echo "the linux backend keeps the contract over $store"
