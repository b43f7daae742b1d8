/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments, one look, a table or JSON.
 */
#include "node/paths_command.h"

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/json/json.h"
#include "node/nvme/paths.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/** Longest answer. */
#define PATHS_TEXT_MAX ((size_t)64 * 1024 * 1024)
/** Columns before the subsystem, and room for the longest cell with its NUL. */
#define COLUMNS 7
#define CELL_SIZE PORTAL_TEXT_SIZE

static const char HELP[] =
	"nvmetcp-node paths: every path of this node to its volumes, as the kernel sees it. It reads\n"
	"/sys and sends nothing to a target, so it answers also when they are gone, and may run beside\n"
	"the plugin.\n"
	"\n"
	"Usage: nvmetcp-node paths [--all] [--json]\n"
	"\n"
	"  --all   also NVMe connections that no nvmetcp-node made\n"
	"  --json  print JSON\n"
	"  --help\n"
	"\n"
	"DEVICE is the disk (-: none); STATE the controller's: live, connecting (it is lost and tried\n"
	"again), resetting, deleting; ANA what the target says of the portal: optimized, non-optimized\n"
	"(used while there is no optimized path), inaccessible (not used); POLICY how the kernel chooses\n"
	"among paths; QUEUES its I/O queues. A volume whose rows have no other one that is live and not\n"
	"inaccessible has no path to lose.\n"
	"\n"
	"Exit codes: 0 done, also when there is no path; 1 /sys could not be read; 2 wrong command line.\n";

static const char *or_dash(const char *text)
{
	return text[0] ? text : "-";
}

static void cells_of(const struct path_row *row, char cells[COLUMNS][CELL_SIZE])
{
	char portal[PORTAL_TEXT_SIZE] = "-";
	char queues[16] = "-";

	if (row->ctrl.has_portal) {
		portal_print(&row->ctrl.portal, portal);
	}
	if (row->io_queues >= 0) {
		(void)snprintf(queues, sizeof(queues), "%d", row->io_queues);
	}
	const char *texts[COLUMNS] = {or_dash(row->device), row->ctrl.name, portal,
		or_dash(row->ctrl.state), or_dash(row->ana), or_dash(row->policy), queues};

	for (int i = 0; i < COLUMNS; i++) {
		(void)snprintf(cells[i], CELL_SIZE, "%s", texts[i]);
	}
}

static void add_line(struct strbuf *sb, char cells[COLUMNS][CELL_SIZE], const int widths[COLUMNS],
	const char *subsystem)
{
	for (int i = 0; i < COLUMNS; i++) {
		sb_addf(sb, "%-*s  ", widths[i], cells[i]);
	}
	sb_addf(sb, "%s\n", subsystem);
}

static void print_table(const struct path_rows *rows, struct strbuf *sb)
{
	char head[COLUMNS][CELL_SIZE] = {
		"DEVICE", "CONTROLLER", "PORTAL", "STATE", "ANA", "POLICY", "QUEUES"};
	char cells[COLUMNS][CELL_SIZE];
	int widths[COLUMNS];

	for (int i = 0; i < COLUMNS; i++) {
		widths[i] = (int)strlen(head[i]);
	}
	for (size_t r = 0; r < rows->n; r++) {
		cells_of(&rows->list[r], cells);
		for (int i = 0; i < COLUMNS; i++) {
			widths[i] = MAX(widths[i], (int)strlen(cells[i]));
		}
	}
	add_line(sb, head, widths, "SUBSYSTEM");
	for (size_t r = 0; r < rows->n; r++) {
		cells_of(&rows->list[r], cells);
		add_line(sb, cells, widths, rows->list[r].nqn);
	}
}

static void set_shown(struct js *obj, const char *key, const char *value)
{
	if (value[0]) {
		js_set_str(obj, key, value);
	}
}

static int print_json(const struct path_rows *rows, struct strbuf *sb, struct err *err)
{
	_cleanup_js_ struct js *top = js_object();
	_cleanup_free_ char *text = NULL;
	struct js *array = js_array();
	char portal[PORTAL_TEXT_SIZE];

	for (size_t r = 0; r < rows->n; r++) {
		const struct path_row *row = &rows->list[r];
		struct js *obj = js_object();

		js_set_str(obj, "nqn", row->nqn);
		js_set_str(obj, "controller", row->ctrl.name);
		js_set_bool(obj, "driver", row->driver);
		set_shown(obj, "device", row->device);
		set_shown(obj, "state", row->ctrl.state);
		set_shown(obj, "anaState", row->ana);
		set_shown(obj, "ioPolicy", row->policy);
		if (row->ctrl.has_portal) {
			portal_print(&row->ctrl.portal, portal);
			js_set_str(obj, "portal", portal);
		}
		if (row->io_queues >= 0) {
			js_set_int(obj, "ioQueues", row->io_queues);
		}
		js_add(array, obj);
	}
	js_set(top, "paths", array);
	if (js_print(top, "paths", PATHS_TEXT_MAX, &text, NULL, err) < 0) {
		return -1;
	}
	sb_add(sb, text);
	sb_addc(sb, '\n');
	return 0;
}

static int look(bool all, bool json, const char *sysfs, FILE *out, struct err *err)
{
	_cleanup_path_rows_ struct path_rows rows = {0};
	_cleanup_strbuf_ struct strbuf sb = sb_init(PATHS_TEXT_MAX);
	_cleanup_free_ char *text = NULL;
	struct host_paths host;

	/* Devices are not looked at: any folder does. */
	if (host_open(sysfs, sysfs, NULL, &host, err) < 0) {
		return -1;
	}
	int result = paths_read(&host, all, &rows, err);
	host_close(&host);
	if (result < 0) {
		return -1;
	}
	if (!json) {
		print_table(&rows, &sb);
	} else if (print_json(&rows, &sb, err) < 0) {
		return -1;
	}
	if (sb_take(&sb, "paths", &text, err) < 0) {
		return -1;
	}
	if (fputs(text, out) < 0 || fflush(out) != 0) {
		return err_set(err, ERR_INTERNAL, "standard output: cannot be written");
	}
	return 0;
}

int paths_command(int argc, char *const *argv, const char *sysfs, FILE *out)
{
	bool all = false;
	bool json = false;
	char shown[64];
	struct err err = {0};

	for (int i = 1; i < argc; i++) {
		if (streq(argv[i], "--help") || streq(argv[i], "-h")) {
			(void)fputs(HELP, out);
			return EXIT_OK;
		}
		if (!streq(argv[i], "--all") && !streq(argv[i], "--json")) {
			(void)fprintf(stderr,
				"nvmetcp-node paths: '%s': no such flag; see --help\n",
				printable(argv[i], shown, sizeof(shown)));
			return EXIT_USAGE;
		}
		all = all || streq(argv[i], "--all");
		json = json || streq(argv[i], "--json");
	}
	if (look(all, json, sysfs, out, &err) < 0) {
		(void)fprintf(stderr, "nvmetcp-node paths: %s\n", err.msg);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
