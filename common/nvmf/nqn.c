/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NQNs: checking, and making those that we give.
 */
#include "common/nvmf/nqn.h"

#include "common/base/parse.h"
#include "common/nvmf/uuid.h"

#include <stdio.h>

/* What a value in an error may take, with its NUL. */
#define SHOWN_SIZE 65

int nqn_check(const char *field, const char *text, struct err *err)
{
	char shown[SHOWN_SIZE];
	size_t len = strlen(text);
	bool legal = len >= 12 && len <= NQN_MAX && strncmp(text, "nqn.", 4) == 0;

	for (size_t i = 0; legal && i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		/* A comma would end the option in what is written to /dev/nvme-fabrics, a slash the
		 * folder's name in configfs. */
		legal = c > 0x20 && c != 0x7f && c != ',' && c != '/';
	}
	if (!legal || !utf8_valid(text, len)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: '%s' is no NQN; it starts with 'nqn.', has 12 to %d bytes and no space, comma, "
			"slash or control character",
			field, printable(text, shown, sizeof(shown)), NQN_MAX);
	}
	return 0;
}

int instance_check(const char *field, const char *text, struct err *err)
{
	char shown[SHOWN_SIZE];
	size_t len = strlen(text);

	if (len == 0 || len > INSTANCE_MAX || text[0] == '-' || text[len - 1] == '-' ||
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"%s: '%s' is not allowed; give 1 to %d of a-z, 0-9 and '-', with no '-' at either "
			"end",
			field, printable(text, shown, sizeof(shown)), INSTANCE_MAX);
	}
	return 0;
}

void nqn_of_volume(const char *instance, const uint8_t uuid[16], char out[NQN_SIZE])
{
	char text[UUID_TEXT_SIZE];

	uuid_print(uuid, text);
	(void)snprintf(out, NQN_SIZE, NQN_PREFIX "%s:%s", instance, text);
}

int host_identity_make(
	const char *instance, const char *node_name, struct host_identity *ret, struct err *err)
{
	struct host_identity made = {0};
	uint8_t uuid[16];

	if (instance_check("instance", instance, err) < 0) {
		return -1;
	}
	if (str_empty(node_name)) {
		return err_set(err, ERR_INVALID_ARGUMENT,
			"node name: missing; give the Kubernetes node's name");
	}
	int n = snprintf(made.nqn, sizeof(made.nqn), NQN_PREFIX "node.%s.%s", instance, node_name);
	if (n < 0 || n > NQN_MAX) {
		char hex[33];
		uuid_of_name(node_name, uuid);
		hex_print(uuid, sizeof(uuid), hex);
		(void)snprintf(
			made.nqn, sizeof(made.nqn), NQN_PREFIX "node.%s.h-%s", instance, hex);
	}
	if (nqn_check("node name", made.nqn, err) < 0) {
		return -1;
	}
	uuid_of_name(made.nqn, uuid);
	uuid_print(uuid, made.id);
	*ret = made;
	return 0;
}

bool nqn_is_node_of(const char *nqn, const char *instance)
{
	char front[sizeof(NQN_PREFIX) + INSTANCE_MAX + 8];
	int n = snprintf(front, sizeof(front), NQN_PREFIX "node.%s.", instance);

	return n > 0 && (size_t)n < sizeof(front) && strncmp(nqn, front, (size_t)n) == 0 &&
	       nqn[n] != '\0' && nqn_check("node_id", nqn, NULL) == 0;
}
