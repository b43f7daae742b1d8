/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubelet notes what a volume is in vol_data.json before it asks us to stage or publish it, and
 * does not wait until that is on its disk. After a power cut the note may be there and empty: then
 * kubelet (1.36, pkg/volume/csi: ConstructVolumeSpec) can never tear the volume down on this node
 * again. So the note is made durable before we answer. A CO without such notes loses nothing.
 */
#pragma once

#include <stddef.h>

/**
 * kubelet_notes_keep - bring the notes about @staging (may be NULL) and @target (NULL while
 * staging) to stable storage: the one in the folder of a path, and for raw block the one in
 * volumeDevices/<name>/data beside volumeDevices/staging/<name>. What is not a regular file is left
 * alone; what cannot be synced is kubelet's matter. Return: how many were synced.
 */
size_t kubelet_notes_keep(const char *staging, const char *target);
