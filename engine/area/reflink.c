/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way for XFS and btrfs: files of the prepared form are shared until they are written to. */
#include "engine/area/common.h"

#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

static int no(char reason[VZR_AREA_REASON], const char *why, int error)
{
	snprintf(reason, VZR_AREA_REASON, "%s%s%s", why, error ? ": " : "",
		 error ? strerrordesc_np(error) : "");
	return 0;
}

/* Tried with files that have no name: no flag says it for every file system. */
static int probe(int private_fd, const char *handoff, char reason[VZR_AREA_REASON])
{
	const int flags = O_TMPFILE | O_RDWR | O_CLOEXEC;
	VZR_AUTO_CLOSE int from = openat(private_fd, ".", flags, 0600);
	VZR_AUTO_CLOSE int to = from < 0 ? -1 : openat(private_fd, ".", flags, 0600);

	(void)handoff;
	if (to < 0)
		return no(reason, "it could not be tried whether files can share content here",
			  errno);
	if (ioctl(to, FICLONE, from) < 0)
		return no(reason,
			  "files cannot share content on the private areas' file system (XFS with "
			  "reflink or btrfs can)",
			  errno == EOPNOTSUPP || errno == ENOTTY ? 0 : errno);
	snprintf(reason, VZR_AREA_REASON, "files share their content with a prepared form");
	return 1;
}

static int fill(const struct vzr_area_job *job, int tree_fd, struct vzr_unpack_result *ret_result,
		struct vzr_error *err)
{
	return vzr_area_fill_clone(job, VZR_CLONE_SHARE, tree_fd, ret_result, err);
}

const struct vzr_area_ops vzr_area_reflink = {
	.name = "reflink",
	.summary = "share the files of a prepared form (XFS, btrfs)",
	.base = VZR_AREA_BASE_FIRST,
	.probe = probe,
	.make = vzr_area_make_dir,
	.fill = fill,
};
