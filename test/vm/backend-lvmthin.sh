#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The backend "linux" keeps the contract with its pools in thin pools of LVM. $1: build folder.
exec bash "$(dirname -- "$0")/backend-linux.sh" "${1:-/src/build/dev}" lvmthin
