/* SPDX-License-Identifier: Apache-2.0 */
/* The CSI metric has the names, labels and buckets that dashboards of the sidecars expect. */
#include "common/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_operations(void **state)
{
	static const char want[] =
		"# TYPE csi_plugin_operations_seconds histogram\n"
		"csi_plugin_operations_seconds_bucket{driver_name=\"d\",method_name=\"/csi.v1.Node/X\","
		"grpc_status_code=\"DeadlineExceeded\",le=\"0.005\"} 0\n";
	_cleanup_strbuf_ struct strbuf sb = sb_init(1 << 16);
	struct metrics *m = metrics_new();
	struct err err = {0};
	struct metric *h = metrics_csi_operations(m, &err);
	static const char *const bounds[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
		"1", "2.5", "5", "10", "15", "25", "50", "120", "300", "600", "+Inf"};

	(void)state;
	assert_non_null(h);
	metrics_csi_observe(h, "d", "/csi.v1.Node/X", ERR_DEADLINE_EXCEEDED, 700);
	metrics_csi_observe(h, "d", "/csi.v1.Node/X", ERR_OK, 0.05);
	metrics_csi_observe(h, "d", "/csi.v1.Node/X", ERR_CANCELLED, 1);
	metrics_csi_observe(h, "d", "/csi.v1.Node/X", ERR_UNKNOWN, 1);
	metrics_print(m, &sb);
	assert_non_null(strstr(sb_str(&sb), want));
	assert_non_null(strstr(sb_str(&sb), "grpc_status_code=\"OK\",le=\"0.025\"} 0\n"));
	assert_non_null(strstr(sb_str(&sb), "grpc_status_code=\"OK\",le=\"0.05\"} 1\n"));
	assert_non_null(strstr(sb_str(&sb), "grpc_status_code=\"Canceled\",le=\"1\"} 1\n"));
	assert_non_null(strstr(sb_str(&sb), "grpc_status_code=\"Unknown\"} 1\n"));
	assert_non_null(strstr(sb_str(&sb), "_sum{driver_name=\"d\",method_name=\"/csi.v1.Node/X\","
					    "grpc_status_code=\"DeadlineExceeded\"} 700\n"));
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		_cleanup_strbuf_ struct strbuf le = sb_init(64);

		sb_addf(&le, "le=\"%s\"}", bounds[i]);
		assert_non_null(strstr(sb_str(&sb), sb_str(&le)));
	}
	assert_null(metrics_csi_operations(m, &err));
	metrics_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_operations)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
