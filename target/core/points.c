/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All fault points of nvmetcp-target. Which of a step's changes there are depends on the kind of
 * store and on what was there before.
 */
#include "target/core/points.h"

/* What the kinds of store do to make data. */
#define MAKE "file volume clone size"
/* What an export goes through when it is taken away as a whole. */
#define UNEXPORT "unlink write rmdir"

static const struct fault_row rows[] = {
	{"Check", "check", NULL},
	{"InitPool", "stamp", "identity tag"},

	{"BringUp", "gate-close", NULL},
	{"BringUp", "ports", "mkdir write unlink rmdir"},
	{"BringUp", "ana", "write"},
	{"BringUp", "link", "link"},
	{"BringUp", "gate-open", NULL},
	{"Attach", "pool", "pool tag generation"},
	{"Recover", "take-back", "removed"},
	{"Recover", "intent", "state"},
	{"Recover", "unexport", UNEXPORT},
	{"Recover", "wake", NULL},
	{"Recover", "data", "size removed"},
	{"Recover", "state", NULL},
	{"Recover", "grown", "state"},
	{"Recover", "tell", "write"},
	{"Recover", "namespace", "mkdir write"},
	{"Recover", "allow", "mkdir link"},
	{"Recover", "unlink-host", "unlink rmdir"},
	{"Recover", "unlink-ports", "unlink"},
	{"Recover", "disable", "write rmdir"},
	{"Recover", "remove", UNEXPORT},
	{"Recover", "cut", "write"},
	{"Recover", "drain", "size suspended"},
	{"Recover", "forget", "state"},
	{"Trim", "subsystem", UNEXPORT},
	{"Trim", "hosts", "rmdir"},
	{"Tick", "ana", "write"},
	{"Tick", "publish", "link"},
	{"OpenPorts", "gate-close", NULL},
	{"OpenPorts", "link", "link"},
	{"OpenPorts", "gate-open", NULL},
	{"LayDown", "pools", "tag generation"},

	{"SetPortal", "intent", "state"},
	{"SetPortal", "ana", "write"},
	{"SetPortal", FAULT_ANSWER, NULL},

	{"PutVolume", "intent", "state"},
	{"PutVolume", "data", MAKE},
	{"PutVolume", "ready", "state"},
	{"PutVolume", "take-back", "removed"},
	{"PutVolume", "unexport", UNEXPORT},
	{"PutVolume", "state", NULL},
	{"PutVolume", FAULT_ANSWER, NULL},

	{"ResizeVolume", "intent", "state"},
	{"ResizeVolume", "data", "size"},
	{"ResizeVolume", "grown", "state"},
	{"ResizeVolume", "tell", "write"},
	{"ResizeVolume", FAULT_ANSWER, NULL},

	{"GrantHost", "intent", "state"},
	{"GrantHost", "data", "size"},
	{"GrantHost", "grown", "state"},
	{"GrantHost", "tell", "write"},
	{"GrantHost", "namespace", "mkdir write"},
	{"GrantHost", "allow", "mkdir link"},
	{"GrantHost", "link", "link"},
	/* The end of a fence that was cut short. */
	{"GrantHost", "unlink-host", "unlink rmdir"},
	{"GrantHost", "unlink-ports", "unlink"},
	{"GrantHost", "disable", "write rmdir"},
	{"GrantHost", "remove", UNEXPORT},
	{"GrantHost", "cut", "write"},
	{"GrantHost", "drain", "size suspended"},
	{"GrantHost", "forget", "state"},
	{"GrantHost", FAULT_ANSWER, NULL},

	{"RevokeHost", "intent", "state"},
	{"RevokeHost", "unlink-host", "unlink rmdir"},
	{"RevokeHost", "unlink-ports", "unlink"},
	{"RevokeHost", "disable", "write rmdir"},
	{"RevokeHost", "remove", UNEXPORT},
	{"RevokeHost", "cut", "write"},
	{"RevokeHost", "drain", "size suspended"},
	{"RevokeHost", "forget", "state"},
	{"RevokeHost", FAULT_ANSWER, NULL},

	{"PutSnapshot", "intent", "state"},
	{"PutSnapshot", "data", MAKE},
	{"PutSnapshot", "ready", "state"},
	{"PutSnapshot", "take-back", "removed"},
	{"PutSnapshot", "state", NULL},
	{"PutSnapshot", FAULT_ANSWER, NULL},

	{"DeleteSnapshot", "take-back", "removed"},
	{"DeleteSnapshot", "intent", "state"},
	{"DeleteSnapshot", "data", "removed"},
	{"DeleteSnapshot", "state", NULL},
	{"DeleteSnapshot", FAULT_ANSWER, NULL},

	{"DeleteVolume", "take-back", "removed"},
	{"DeleteVolume", "intent", "state"},
	{"DeleteVolume", "unexport", UNEXPORT},
	{"DeleteVolume", "data", "removed"},
	{"DeleteVolume", "state", NULL},
	{"DeleteVolume", "unlink-host", "unlink rmdir"},
	{"DeleteVolume", "unlink-ports", "unlink"},
	{"DeleteVolume", "disable", "write rmdir"},
	{"DeleteVolume", "remove", UNEXPORT},
	{"DeleteVolume", "cut", "write"},
	{"DeleteVolume", "drain", "size suspended"},
	{"DeleteVolume", "forget", "state"},
	{"DeleteVolume", FAULT_ANSWER, NULL},
};

const struct fault_table target_points = {
	.file = "target/core/points.c", .rows = rows, .n = ARRAY_SIZE(rows)};
