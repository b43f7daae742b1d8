#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvmetcp-target on a real kernel: export, snapshot, clone, grow, both fences, crashes at every
# step, pools that are absent or wrong. See target_agent.py. $1: folder of the programs.
set -euo pipefail
modprobe -a nvmet-tcp nvme-tcp xfs btrfs loop
exec python3 test/vm/target_agent.py "${1:-/src/build/dev/bin}"
