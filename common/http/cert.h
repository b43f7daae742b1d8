/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server's certificate is good for, told before anybody connects.
 */
#pragma once

#include "common/base/err.h"

/** struct http_cert - facts about a certificate and its chain. */
struct http_cert {
	int64_t from_s;	 /* seconds since 1970: when the last of the chain becomes valid, */
	int64_t until_s; /* and when the first of it ends to be */
	bool covers;	 /* a client that connects to the host asked for accepts its names */
	char names[512]; /* "10.0.0.5, storage.example"; "" without any */
};

/**
 * http_cert_read - read certificate and key as http_server_start() would, and see that they belong
 * together. @host is the name or the numeric address that clients use.
 * Return: 0, or -1 naming the file and what is wrong with it.
 */
MUST_USE int http_cert_read(const char *cert_file, const char *key_file, const char *host,
	struct http_cert *ret, struct err *err);
