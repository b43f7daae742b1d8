// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools names the programs that this module is here to build.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
