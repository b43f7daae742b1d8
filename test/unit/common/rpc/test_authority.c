/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request line of kubelet. Its CSI client says ":authority: localhost"; its registration client
 * gives the socket's path as address, which grpc-go puts there escaped. Any of them is served.
 */
#include "common/base/strbuf.h"
#include "test/unit/common/rpc/raw.h"

#define GET_INFO "/pluginregistration.Registration/GetInfo"
#define HEADERS_MAX 1024
#define FRAME_DATA 0
#define FRAME_HEADERS 1
#define FRAME_RESET 3
#define FRAME_GOAWAY 7
#define END_STREAM 1
#define END_HEADERS 4

/* A text of HPACK: 7 bits of length and the bytes as they are. */
static void put_text(struct strbuf *sb, const char *text)
{
	assert_in_range(strlen(text), 0, 126);
	sb_addc(sb, (char)strlen(text));
	sb_add(sb, text);
}

static void put_frame(struct strbuf *sb, uint8_t type, uint8_t flags, const void *body, size_t len)
{
	const char head[9] = {0, (char)(len >> 8), (char)len, (char)type, (char)flags, 0, 0, 0, 1};

	sb_addn(sb, head, sizeof(head));
	sb_addn(sb, body, len);
}

/* GetInfo on stream 1 of a new connection, with an empty message. */
static void send_get_info(int fd, const char *authority)
{
	static const char empty[5]; /* not compressed, 0 bytes */
	_cleanup_strbuf_ struct strbuf headers = sb_init(HEADERS_MAX);
	_cleanup_strbuf_ struct strbuf all = sb_init(2 * HEADERS_MAX);

	sb_add(&headers, "\x83\x86\x04"); /* :method POST, :scheme http, :path */
	put_text(&headers, GET_INFO);
	sb_add(&headers, "\x01"); /* :authority */
	put_text(&headers, authority);
	sb_addn(&headers, "\x0f\x10", 2); /* content-type */
	put_text(&headers, "application/grpc");
	sb_addc(&headers, '\0'); /* a name of its own */
	put_text(&headers, "te");
	put_text(&headers, "trailers");
	sb_add(&all, PREFACE);
	sb_addn(&all, settings, sizeof(settings));
	put_frame(&all, FRAME_HEADERS, END_HEADERS, sb_str(&headers), headers.len);
	put_frame(&all, FRAME_DATA, END_STREAM, empty, sizeof(empty));
	assert_false(headers.failed || all.failed);
	send_raw(fd, sb_str(&all), all.len);
}

/* The message of the answer. Return: its length, -1 when the server refused. */
static int read_message(int fd, uint8_t *body, size_t size)
{
	uint8_t head[9];

	for (;;) {
		if (!read_raw(fd, head, sizeof(head))) {
			return -1;
		}
		size_t n = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		assert_in_range(n, 0, size);
		if (!read_raw(fd, body, n) || head[3] == FRAME_RESET || head[3] == FRAME_GOAWAY ||
			(head[3] == FRAME_HEADERS && (head[4] & END_STREAM))) {
			return -1;
		}
		if (head[3] == FRAME_DATA && n > 5) {
			memmove(body, body + 5, n - 5);
			return (int)n - 5;
		}
	}
}

static void kubelets_authority(void **state UNUSED)
{
	static const char *const authorities[] = {
		"localhost",
		"%2Fvar%2Flib%2Fkubelet%2Fplugins_registry%2Fnvmetcp.csi.dev-reg.sock",
		"/var/lib/kubelet/plugins_registry/nvmetcp.csi.dev-reg.sock",
		"",
	};
	struct setup setup;
	uint8_t body[32768];

	setup_prepare(&setup);
	setup_start(&setup);
	for (size_t i = 0; i < ARRAY_SIZE(authorities); i++) {
		int fd = connect_raw(&setup);

		send_get_info(fd, authorities[i]);
		int n = read_message(fd, body, sizeof(body));
		if (n < 0) {
			fail_msg("\"%s\" is refused", authorities[i]);
		}
		Pluginregistration__PluginInfo *info =
			pluginregistration__plugin_info__unpack(NULL, (size_t)n, body);
		assert_non_null(info);
		assert_string_equal(info->type, "CSIPlugin");
		pluginregistration__plugin_info__free_unpacked(info, NULL);
		(void)close(fd);
	}
	setup_end(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kubelets_authority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
