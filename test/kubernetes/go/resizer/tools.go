// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools names the programs that this module is here to build.
package tools

import _ "github.com/kubernetes-csi/external-resizer/v2/cmd/csi-resizer"
