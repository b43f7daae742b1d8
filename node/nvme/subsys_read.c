/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing what drivers/nvme/host/sysfs.c prints. Nothing here fails: what cannot be read is left
 * unknown, and unknown never proves anything.
 */
#include "node/nvme/subsys_read.h"

#include "common/base/fileio.h"
#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/sysmacros.h>

/* Longest attribute that is looked at. */
#define ATTR_SIZE 512

/* Skip @prefix and a decimal number. Return: what follows, NULL when it does not look so. */
static const char *skip_number(const char *text, const char *prefix, int *ret_number)
{
	size_t n = strlen(prefix);
	int64_t value = 0;

	if (strncmp(text, prefix, n) != 0 || text[n] < '0' || text[n] > '9') {
		return NULL;
	}
	for (text += n; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (*text - '0');
		if (value > INT32_MAX) {
			return NULL;
		}
	}
	if (ret_number) {
		*ret_number = (int)value;
	}
	return text;
}

bool sys_is_ctrl(const char *name, int *ret_instance)
{
	const char *rest = skip_number(name, "nvme", ret_instance);
	return rest && !*rest && strlen(name) < CTRL_NAME_SIZE;
}

bool sys_is_disk(const char *name)
{
	const char *rest = skip_number(name, "nvme", NULL);
	rest = rest ? skip_number(rest, "n", NULL) : NULL;
	return rest && !*rest && strlen(name) < DISK_NAME_SIZE;
}

bool sys_is_path_disk(const char *name)
{
	const char *rest = skip_number(name, "nvme", NULL);
	rest = rest ? skip_number(rest, "c", NULL) : NULL;
	rest = rest ? skip_number(rest, "n", NULL) : NULL;
	return rest && !*rest && strlen(name) < DISK_NAME_SIZE;
}

bool sys_ana_usable(const char *state)
{
	return streq(state, "optimized") || streq(state, "non-optimized");
}

bool sys_is_subsys(const char *name, int *ret_instance)
{
	const char *rest = skip_number(name, "nvme-subsys", ret_instance);
	return rest && !*rest && strlen(name) < DISK_NAME_SIZE;
}

void sys_attr(int dirfd, const char *name, char *buf, size_t size)
{
	struct err ignored = {0};

	if (attr_read(dirfd, name, buf, size, &ignored) < 0) {
		buf[0] = '\0';
	}
}

int sys_open_dir(int dirfd, const char *path)
{
	return openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int sys_open_dirf(int dirfd, const char *fmt, ...)
{
	char path[128];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	return n > 0 && (size_t)n < sizeof(path) ? sys_open_dir(dirfd, path) : -1;
}

/* Take the value of "key=" out of the kernel's comma-separated `address`. */
static bool address_part(const char *address, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);

	for (const char *part = address; part; part = strchr(part, ',')) {
		part += *part == ',';
		if (strncmp(part, key, n) == 0 && part[n] == '=') {
			const char *value = part + n + 1;
			size_t len = strcspn(value, ",");
			if (len == 0 || len >= size) {
				return false;
			}
			memcpy(out, value, len);
			out[len] = '\0';
			return true;
		}
	}
	return false;
}

static bool read_portal(int dirfd, struct portal *ret)
{
	char address[ATTR_SIZE];
	char transport[16];
	char addr[PORTAL_ADDR_SIZE];
	char port[8];
	char text[PORTAL_TEXT_SIZE + 8];
	struct err ignored = {0};

	sys_attr(dirfd, "transport", transport, sizeof(transport));
	sys_attr(dirfd, "address", address, sizeof(address));
	if (!streq(transport, "tcp") || !address_part(address, "traddr", addr, sizeof(addr)) ||
		!address_part(address, "trsvcid", port, sizeof(port))) {
		return false;
	}
	(void)snprintf(text, sizeof(text), strchr(addr, ':') ? "[%s]:%s" : "%s:%s", addr, port);
	return portal_parse("address", text, ret, &ignored) == 0;
}

void sys_read_ctrl(
	int dirfd, const char *name, const struct host_identity *us, struct subsys_ctrl *ret)
{
	char cntlid[16];
	int64_t number = -1;
	struct err ignored = {0};

	*ret = (struct subsys_ctrl){.instance = -1, .cntlid = -1};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	(void)sys_is_ctrl(name, &ret->instance);
	sys_attr(dirfd, "state", ret->state, sizeof(ret->state));
	sys_attr(dirfd, "hostnqn", ret->hostnqn, sizeof(ret->hostnqn));
	sys_attr(dirfd, "hostid", ret->hostid, sizeof(ret->hostid));
	sys_attr(dirfd, "cntlid", cntlid, sizeof(cntlid));
	if (parse_i64("cntlid", cntlid, 0, UINT16_MAX, &number, &ignored) == 0) {
		ret->cntlid = (int)number;
	}
	ret->has_portal = read_portal(dirfd, &ret->portal);
	ret->live = streq(ret->state, "live");
	ret->going = strncmp(ret->state, "deleting", strlen("deleting")) == 0 ||
		     streq(ret->state, "dead");
	ret->ours = us && streq(ret->hostnqn, us->nqn) && strcasecmp(ret->hostid, us->id) == 0;
}

static void read_hex(int dirfd, const char *name, uint8_t *bytes, size_t n)
{
	char text[ATTR_SIZE];
	char tight[ATTR_SIZE];
	size_t len = 0;
	struct err ignored = {0};

	/* eui is printed with blanks between its bytes. */
	sys_attr(dirfd, name, text, sizeof(text));
	for (const char *p = text; *p; p++) {
		if (*p != ' ') {
			tight[len++] = *p;
		}
	}
	tight[len] = '\0';
	if (len == 0 || parse_hex(name, tight, bytes, n, &ignored) < 0) {
		memset(bytes, 0, n);
	}
}

void sys_read_ident(int dirfd, struct ns_ident *ret)
{
	char text[ATTR_SIZE];
	uint64_t nsid;
	struct err ignored = {0};

	*ret = (struct ns_ident){0};
	read_hex(dirfd, "nguid", ret->nguid, sizeof(ret->nguid));
	read_hex(dirfd, "uuid", ret->uuid, sizeof(ret->uuid));
	read_hex(dirfd, "eui", ret->eui64, sizeof(ret->eui64));
	sys_attr(dirfd, "nsid", text, sizeof(text));
	if (parse_u64("nsid", text, 1, UINT32_MAX, &nsid, &ignored) == 0) {
		ret->nsid = (uint32_t)nsid;
	}
}

static bool read_dev(int dirfd, dev_t *ret)
{
	char text[ATTR_SIZE];
	uint64_t major_number;
	uint64_t minor_number;
	struct err ignored = {0};

	sys_attr(dirfd, "dev", text, sizeof(text));
	char *colon = strchr(text, ':');
	if (!colon) {
		return false;
	}
	*colon = '\0';
	if (parse_u64("dev", text, 1, 4095, &major_number, &ignored) < 0 ||
		parse_u64("dev", colon + 1, 0, 1048575, &minor_number, &ignored) < 0) {
		return false;
	}
	*ret = makedev((unsigned)major_number, (unsigned)minor_number);
	return true;
}

void sys_read_disk(int dirfd, const char *name, bool head, struct subsys_disk *ret)
{
	char text[ATTR_SIZE];
	uint64_t sectors;
	struct err ignored = {0};

	*ret = (struct subsys_disk){.head = head};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	sys_read_ident(dirfd, &ret->ident);
	ret->ready = read_dev(dirfd, &ret->dev);
	sys_attr(dirfd, "size", text, sizeof(text));
	if (parse_u64("size", text, 0, UINT64_MAX / 512, &sectors, &ignored) == 0) {
		ret->size = sectors * 512;
	}
}

bool sys_ident_match(const char *device, const struct ns_ident *want, const struct ns_ident *seen,
	struct err *err)
{
	struct ns_ident known = *seen;

	if (!bytes_zero(seen->nguid, sizeof(seen->nguid)) &&
		memcmp(seen->uuid, seen->nguid, sizeof(seen->uuid)) == 0 &&
		memcmp(seen->uuid, want->uuid, sizeof(seen->uuid)) != 0) {
		memset(known.uuid, 0, sizeof(known.uuid));
	}
	return ns_ident_match(device, want, &known, err) == 0;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
	return !bytes_zero(a, n) && memcmp(a, b, n) == 0;
}

bool sys_ident_touches(const struct ns_ident *want, const struct ns_ident *seen)
{
	return same(want->nguid, seen->nguid, sizeof(want->nguid)) ||
	       same(want->uuid, seen->uuid, sizeof(want->uuid)) ||
	       same(want->eui64, seen->eui64, sizeof(want->eui64));
}
