#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The checker finds nothing in a machine where nothing happened, and each kind of leak that is
# planted, one after the other.
set -euo pipefail
check=(python3 test/checker/nvcheck.py)
work=$(mktemp -d)
tree=$work/tree
mkdir -p "$tree" /var/lib/kubelet
nvmet=/sys/kernel/config/nvmet
modprobe -a nvmet-tcp nvme-tcp loop dm-mod
count=0

take() {
	"${check[@]}" take --tree "$tree" --name planted >"$work/before"
}

# finds PATTERN WHAT: the checker must report a line with PATTERN.
finds() {
	if "${check[@]}" compare "$work/before" --tree "$tree" --name planted >"$work/found"; then
		echo "not found: $2"
		exit 1
	fi
	grep -q -- "$1" "$work/found" || {
		echo "found something else than $2:"
		cat "$work/found"
		exit 1
	}
	count=$((count + 1))
	echo "found: $2"
}

clean() {
	"${check[@]}" compare "$work/before" --tree "$tree" --name planted || {
		echo "the checker finds what is not there"
		exit 1
	}
}

take
clean
sub=$nvmet/subsystems/nqn.2026-01.test:leak
mkdir "$sub"
finds "left: export subsystem" "a subsystem"
truncate -s 64M "$work/disk"
mkdir "$sub/namespaces/1"
finds "left: export namespace" "a namespace"
echo -n "$work/disk" >"$sub/namespaces/1/device_path"
echo 1 >"$sub/namespaces/1/enable"
mkdir $nvmet/hosts/nqn.2026-01.test:host
finds "left: export host" "a host"
ln -s $nvmet/hosts/nqn.2026-01.test:host "$sub/allowed_hosts/"
finds "left: export grant" "a grant"
mkdir $nvmet/ports/1
echo tcp >$nvmet/ports/1/addr_trtype
echo ipv4 >$nvmet/ports/1/addr_adrfam
echo 127.0.0.1 >$nvmet/ports/1/addr_traddr
echo 4420 >$nvmet/ports/1/addr_trsvcid
ln -s "$sub" $nvmet/ports/1/subsystems/
finds "left: export link" "a port link"

take
echo "nqn=nqn.2026-01.test:leak,transport=tcp,traddr=127.0.0.1,trsvcid=4420,hostnqn=nqn.2026-01.test:host,hostid=7f6b1b8c-6bde-4c1d-9f3a-0d1d3c1c2a11" >/dev/nvme-fabrics
finds "left: controller" "a controller"
finds "left: nvme subsystem" "an initiator's subsystem"
until compgen -G '/dev/nvme*n*' >/dev/null; do read -rt 0.1 <> <(:) || true; done
finds "left: nvme disk" "a disk"
disk=$(compgen -G '/dev/nvme*n*' | head -n 1)
mkfs.ext4 -q "$disk"

take
mkdir "$work/mnt"
mount "$disk" "$work/mnt"
finds "left: mount" "a mount"
umount "$work/mnt"
clean
mkdir -p /var/lib/kubelet/pods/x
mount --bind "$work/mnt" /var/lib/kubelet/pods/x
finds "left: mount /var/lib/kubelet" "a bind mount below the kubelet folder"
umount /var/lib/kubelet/pods/x
touch "$tree/.tmp-orphan"
finds "left: file .*tmp-orphan" "a file in a watched folder"
rm "$tree/.tmp-orphan"
loop=$(losetup -f --show "$work/disk")
finds "left: loop device" "a loop device"
losetup -d "$loop"
dmsetup create --noudevsync planted --table "0 8 zero"
finds "left: device-mapper planted" "a device-mapper device"
dmsetup remove --noudevsync planted
nft add table inet planted
finds "left: nft table inet planted" "a firewall table"
nft delete table inet planted
cp /bin/sleep "$work/planted"
"$work/planted" 600 5<"$disk" &
pid=$!
finds "left: process planted" "a process"
finds "left: open $disk" "an open device"
kill $pid
wait $pid || true
clean
for c in /sys/class/nvme/nvme*/delete_controller; do echo 1 >"$c"; done
finds "gone: controller" "a controller that has gone"
echo "$count leaks planted, $count found"
