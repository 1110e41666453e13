/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way for btrfs: the area is a writable snapshot of the prepared form. */
#include "engine/area/common.h"

#include "engine/area/base.h"
#include "engine/base/cleanup.h"
#include "engine/base/subvolume.h"

#include <fcntl.h>
#include <sys/statvfs.h>

static int probe(int private_fd, const char *handoff, char reason[VZR_AREA_REASON])
{
	struct statvfs vfs;

	(void)handoff;
	if (!vzr_is_btrfs(private_fd)) {
		snprintf(reason, VZR_AREA_REASON, "the private areas' file system is not btrfs");
		return 0;
	}
	if (fstatvfs(private_fd, &vfs) == 0 && vfs.f_flag & ST_RDONLY) {
		snprintf(reason, VZR_AREA_REASON, "the private areas' file system is read-only");
		return 0;
	}
	snprintf(reason, VZR_AREA_REASON, "btrfs makes a snapshot of a prepared form at once");
	return 1;
}

/* The tree is whole from its first moment: a quota group has to be given by inheritance. */
static int make(const struct vzr_area_job *job, struct vzr_error *err)
{
	int fd, r;

	if (!job->base->subvolume)
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"the prepared form of %s is no subvolume: remove it with 'vzroot "
				"template prune' and try again, or take --area=reflink",
				job->label);
	r = vzr_subvolume_snapshot(job->base->root_fd, job->staging_fd, job->staging_name);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot make a snapshot of %s", job->label);
	fd = openat(job->staging_fd, job->staging_name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? vzr_fail_errno(err, "cannot open the snapshot %s", job->staging_name) : fd;
}

static int fill(const struct vzr_area_job *job, int tree_fd, struct vzr_unpack_result *ret_result,
		struct vzr_error *err)
{
	if (!vzr_subvolume_is(tree_fd))
		return vzr_fail(err, -EIO, "the snapshot of %s is no subvolume", job->label);
	vzr_area_result_of_base(job, ret_result);
	return 0;
}

const struct vzr_area_ops vzr_area_snapshot = {
	.name = "snapshot",
	.summary = "snapshot of a prepared form (btrfs)",
	.base = VZR_AREA_BASE_FIRST,
	.probe = probe,
	.make = make,
	.fill = fill,
};
