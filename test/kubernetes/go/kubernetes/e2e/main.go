// SPDX-License-Identifier: Apache-2.0

// e2e is Kubernetes' own end-to-end suite for storage drivers from outside, and nothing else of the
// upstream test program: a driver definition (-storage.testdriver) says which of its specs exist.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"k8s.io/component-base/logs"
	"k8s.io/kubernetes/test/e2e/framework"
	"k8s.io/kubernetes/test/e2e/framework/config"

	// The specs.
	_ "k8s.io/kubernetes/test/e2e/storage/external"

	// What the framework does only when it is asked for by an import, as upstream's program asks.
	_ "k8s.io/component-base/logs/testinit"
	_ "k8s.io/kubernetes/test/e2e/feature"
	_ "k8s.io/kubernetes/test/e2e/framework/debug/init"
	_ "k8s.io/kubernetes/test/e2e/framework/metrics/init"
	_ "k8s.io/kubernetes/test/e2e/framework/node/init"
	_ "k8s.io/kubernetes/test/utils/format"
)

// verdict is what ginkgo has for a *testing.T; RunSpecs returns the verdict as well.
type verdict struct{}

func (verdict) Fail() {}

func main() {
	config.CopyFlags(config.Flags, flag.CommandLine)
	framework.RegisterCommonFlags(flag.CommandLine)
	framework.RegisterClusterFlags(flag.CommandLine)
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "e2e: %q is no flag; see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	framework.AfterReadingAllFlags(&framework.TestContext)

	logs.InitLogs()
	gomega.RegisterFailHandler(framework.Fail)
	suite, reporter := framework.CreateGinkgoConfig()
	passed := ginkgo.RunSpecs(verdict{}, "Kubernetes external storage", suite, reporter)
	logs.FlushLogs()
	if !passed {
		os.Exit(1)
	}
}
