/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command to a double.
 */
#include "test/backend/conformance/control.h"

#include "common/base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

int control_do(const char *path, const char *command, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[1024];
	char line[1024];
	size_t len = 0;
	int n = snprintf(line, sizeof(line), "%s\n", command);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		send(fd, line, (size_t)n, MSG_NOSIGNAL) != n) {
		return err_errno(err, errno, "control %s", path);
	}
	while (len + 1 < sizeof(answer) && (len == 0 || answer[len - 1] != '\n')) {
		ssize_t got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);

		if (got <= 0) {
			break;
		}
		len += (size_t)got;
	}
	answer[len] = '\0';
	if (strncmp(answer, "{\"ok\"", 5) != 0) {
		char shown[512];

		return err_set(err, ERR_UNKNOWN, "control %s: %s", command,
			printable(answer, shown, sizeof(shown)));
	}
	return 0;
}
