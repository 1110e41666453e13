/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way that works everywhere: the archive is unpacked into the area. */
#include "engine/area/common.h"

#include "engine/base/cleanup.h"

static int probe(int private_fd, const char *handoff, char reason[VZR_AREA_REASON])
{
	(void)private_fd;
	(void)handoff;
	snprintf(reason, VZR_AREA_REASON, "the template is unpacked, which works everywhere");
	return 1;
}

static int fill(const struct vzr_area_job *job, int tree_fd, struct vzr_unpack_result *ret_result,
		struct vzr_error *err)
{
	const struct vzr_unpack_job unpack = {
		.ctx = job->ctx,
		.archive_fd = job->archive_fd,
		.digest = job->digest,
		.tree_fd = tree_fd,
		.limits = job->limits,
		.writers = job->writers,
		.label = job->label,
	};

	return vzr_unpack(&unpack, ret_result, err);
}

const struct vzr_area_ops vzr_area_stream = {
	.name = "stream",
	.summary = "unpack the template into the area",
	.base = VZR_AREA_BASE_NONE,
	.probe = probe,
	.make = vzr_area_make_dir,
	.fill = fill,
};
