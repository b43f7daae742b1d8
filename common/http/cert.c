/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a certificate with the library that libmicrohttpd serves it with.
 */
#include "common/http/cert.h"

#include "common/base/fileio.h"
#include "common/base/secret.h"
#include "common/base/strbuf.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>

#define CERT_MAX ((size_t)256 * 1024)

struct chain {
	gnutls_x509_crt_t *list;
	unsigned n;
};

static void chain_done(struct chain *chain)
{
	for (unsigned i = 0; i < chain->n; i++) {
		gnutls_x509_crt_deinit(chain->list[i]);
	}
	gnutls_free(chain->list);
}

static int check_pair(
	const char *cert_file, const gnutls_datum_t *cert, const char *key_file, struct err *err)
{
	gnutls_certificate_credentials_t both = NULL;
	struct secret *secret = NULL;
	int rc;

	if (secret_read_file(key_file, &secret, err) < 0) {
		return -1;
	}
	gnutls_datum_t key = {
		.data = (unsigned char *)(uintptr_t)secret_bytes(secret),
		.size = (unsigned)secret_len(secret),
	};
	rc = gnutls_certificate_allocate_credentials(&both);
	if (rc == 0) {
		rc = gnutls_certificate_set_x509_key_mem(both, cert, &key, GNUTLS_X509_FMT_PEM);
		gnutls_certificate_free_credentials(both);
	}
	secret_unref(secret);
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
		return err_set(err, ERR_FAILED_PRECONDITION, "%s: is not the key of %s", key_file,
			cert_file);
	}
	return rc < 0 ? err_set(err, ERR_FAILED_PRECONDITION, "%s: no usable private key: %s",
				key_file, gnutls_strerror(rc))
		      : 0;
}

static void add_name(struct strbuf *sb, const char *name)
{
	sb_addf(sb, "%s%s", sb->len > 0 ? ", " : "", name);
}

/* The names that clients look at: subjectAltName, DNS and addresses. */
static void read_names(gnutls_x509_crt_t leaf, struct http_cert *ret)
{
	_cleanup_strbuf_ struct strbuf sb = sb_init(sizeof(ret->names) - 1);

	for (unsigned i = 0;; i++) {
		char name[256];
		char text[INET6_ADDRSTRLEN];
		size_t size = sizeof(name) - 1;
		int type = gnutls_x509_crt_get_subject_alt_name(leaf, i, name, &size, NULL);

		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
			break;
		}
		if (type == GNUTLS_SAN_DNSNAME) {
			name[size] = '\0';
			add_name(&sb, name);
		} else if (type == GNUTLS_SAN_IPADDRESS && (size == 4 || size == 16) &&
			   inet_ntop(size == 4 ? AF_INET : AF_INET6, name, text, sizeof(text))) {
			add_name(&sb, text);
		}
	}
	(void)snprintf(ret->names, sizeof(ret->names), "%s", sb.failed ? "many" : sb_str(&sb));
}

int http_cert_read(const char *cert_file, const char *key_file, const char *host,
	struct http_cert *ret, struct err *err)
{
	_cleanup_(chain_done) struct chain chain = {0};
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int rc;

	if (file_read(AT_FDCWD, cert_file, CERT_MAX, &text, &len, err) < 0) {
		return -1;
	}
	gnutls_datum_t pem = {.data = (unsigned char *)text, .size = (unsigned)len};
	rc = gnutls_x509_crt_list_import2(&chain.list, &chain.n, &pem, GNUTLS_X509_FMT_PEM, 0);
	if (rc < 0 || chain.n == 0) {
		return err_set(err, ERR_FAILED_PRECONDITION, "%s: no certificate in PEM: %s",
			cert_file, gnutls_strerror(rc));
	}
	if (check_pair(cert_file, &pem, key_file, err) < 0) {
		return -1;
	}
	*ret = (struct http_cert){.from_s = INT64_MIN, .until_s = INT64_MAX};
	for (unsigned i = 0; i < chain.n; i++) {
		int64_t from = gnutls_x509_crt_get_activation_time(chain.list[i]);
		int64_t until = gnutls_x509_crt_get_expiration_time(chain.list[i]);

		ret->from_s = MAX(ret->from_s, from);
		ret->until_s = MIN(ret->until_s, until);
	}
	ret->covers = gnutls_x509_crt_check_hostname(chain.list[0], host) != 0;
	read_names(chain.list[0], ret);
	return 0;
}
