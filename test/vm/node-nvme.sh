#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The initiator and block layers on the real kernel, against nvmet in the same VM, without any other
# part of the product. Runs inside a VM: hack/vm --disk 2048 bash test/vm/node-nvme.sh [BUILD]
#
# One XFS on the first disk holds the backing files. Two portals (ports 4420 and 4421) show:
#   ...:vm:one     one namespace for ext4, one for xfs; only our host is allowed
#   ...:vm:shut    nobody is allowed
# The program is test/vm/node-nvme.c; it is run twice, the second time without native multipath.
set -euo pipefail

build=${1:-build/dev}
program=/src/$build/vmtest/node-nvme
conf=/sys/kernel/config/nvmet
pool=/var/pool
host=nqn.2026-01.dev.csi.nvmetcp:node.vm.n1

file_namespace() { # SUBSYSTEM NUMBER FILE UUID NGUID
	local ns=$conf/subsystems/$1/namespaces/$2
	mkdir "$ns"
	echo -n "$3" >"$ns/device_path"
	echo "$4" >"$ns/device_uuid"
	echo "$5" >"$ns/device_nguid"
	echo 1 >"$ns/enable"
}

target_up() {
	local nqn port
	truncate -s 400M "$pool/one" "$pool/two"
	mkdir "$conf/hosts/$host"
	for nqn in one shut; do
		mkdir "$conf/subsystems/nqn.2026-01.dev.csi.nvmetcp:vm:$nqn"
	done
	ln -s "$conf/hosts/$host" "$conf/subsystems/nqn.2026-01.dev.csi.nvmetcp:vm:one/allowed_hosts/"
	file_namespace nqn.2026-01.dev.csi.nvmetcp:vm:one 1 "$pool/one" \
		11111111-2222-4333-8444-555555555551 11111111-2222-4333-8444-666666666661
	file_namespace nqn.2026-01.dev.csi.nvmetcp:vm:one 2 "$pool/two" \
		11111111-2222-4333-8444-555555555552 11111111-2222-4333-8444-666666666662
	for port in 1 2; do
		mkdir "$conf/ports/$port"
		echo ipv4 >"$conf/ports/$port/addr_adrfam"
		echo tcp >"$conf/ports/$port/addr_trtype"
		echo 127.0.0.1 >"$conf/ports/$port/addr_traddr"
		echo $((4419 + port)) >"$conf/ports/$port/addr_trsvcid"
		for nqn in one shut; do
			ln -s "$conf/subsystems/nqn.2026-01.dev.csi.nvmetcp:vm:$nqn" "$conf/ports/$port/subsystems/"
		done
	done
}

target_down() {
	rm -f $conf/ports/*/subsystems/*
	rmdir $conf/ports/*
	rm -f $conf/subsystems/*/allowed_hosts/*
	rmdir $conf/subsystems/*/namespaces/* $conf/subsystems/* $conf/hosts/*
	rm -f "$pool/one" "$pool/two"
}

# Nothing of ours may be left in the kernel.
nothing_left() {
	local left
	left=$(ls /sys/class/nvme 2>/dev/null || true)
	[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
}

ip link set lo up
modprobe nvmet-tcp
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
mkdir -p $pool
mkfs.xfs -q -f /dev/vda
mount /dev/vda $pool

target_up
"$program"
nothing_left
target_down

echo "--- without native multipath"
modprobe -r nvme-tcp nvme-fabrics nvme-core 2>/dev/null || modprobe -r nvmet-tcp nvmet nvme-tcp nvme-fabrics nvme-core
modprobe nvme-core multipath=N
modprobe nvmet-tcp
target_up
"$program" single
nothing_left
target_down
