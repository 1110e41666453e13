/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way for file systems that cannot share: the prepared form is copied by several threads. */
#include "engine/area/common.h"

#include "engine/base/cleanup.h"

static int probe(int private_fd, const char *handoff, char reason[VZR_AREA_REASON])
{
	(void)private_fd;
	(void)handoff;
	snprintf(reason, VZR_AREA_REASON,
		 "a prepared form of the template is copied, as this file system shares nothing");
	return 1;
}

static int fill(const struct vzr_area_job *job, int tree_fd, struct vzr_unpack_result *ret_result,
		struct vzr_error *err)
{
	return vzr_area_fill_clone(job, VZR_CLONE_COPY, tree_fd, ret_result, err);
}

const struct vzr_area_ops vzr_area_copy = {
	.name = "copy",
	.summary = "copy a prepared form of the template, on any file system",
	.base = VZR_AREA_BASE_LATER,
	.probe = probe,
	.make = vzr_area_make_dir,
	.fill = fill,
};
