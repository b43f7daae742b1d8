/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster's side of an audit, asked of Kubernetes' API with the rights of the pod that this
 * process runs in: the sidecars beside it need the same ones. Only this and nothing else of the
 * controller speaks to Kubernetes.
 * Source of addresses and paths: Kubernetes, "Accessing the Kubernetes API from a Pod".
 */
#pragma once

#include "common/base/clock.h"
#include "controller/audit/cluster.h"

/** Objects in one answer. */
#define API_PAGE 500
#define API_URL_SIZE 300

/** struct api_place - where the API is, and what lets us in; files are read for each listing, as
 * the token in them is replaced every hour. */
struct api_place {
	char url[API_URL_SIZE];
	const char *ca_file;	/* borrowed */
	const char *token_file; /* borrowed */
};

/** api_of_pod - from inside a pod, whose environment names @host and @port. */
void api_of_pod(const char *host, const char *port, struct api_place *ret);
/**
 * api_cluster - list PersistentVolumes and VolumeAttachments. Return: 0, or -1; either way @ret is
 * for cluster_done().
 */
MUST_USE int api_cluster(const struct api_place *place, const char *driver,
	const struct deadline *dl, struct cluster *ret, struct err *err);
