/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way that shares everything: the area holds only what the container changes.
 *
 *   VE_PRIVATE/upper    the changes, beginning with the top directory's own attributes
 *   VE_PRIVATE/work     overlayfs' own
 *   PRIVATE-FS/.vzroot/base/HEX/root    what all of them see below, pinned for each container
 *
 * The target mounts them on each other when the container starts. While it is made, they are
 * mounted in nobody's sight: a mount that is attached nowhere goes with its descriptor.
 */
#include "engine/area/common.h"
#include "engine/area/internal.h"

#include "engine/area/base.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define PROBE_XATTR "trusted.overlay.vzroot"
#define FD_PATH 32

static int no(char reason[VZR_AREA_REASON], const char *why)
{
	snprintf(reason, VZR_AREA_REASON, "%s", why);
	return 0;
}

static int open_fs(void)
{
	return (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
}

/* With a file that has no name: overlayfs keeps its notes in such attributes. */
static bool takes_notes(int private_fd)
{
	VZR_AUTO_CLOSE int fd = openat(private_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 && fsetxattr(fd, PROBE_XATTR, "y", 1, 0) == 0;
}

static int probe(int private_fd, const char *handoff, char reason[VZR_AREA_REASON])
{
	VZR_AUTO_CLOSE int fs = open_fs();

	if (strcmp(handoff, "openvz") != 0) {
		snprintf(reason, VZR_AREA_REASON, "handoff %s mounts no overlays", handoff);
		return 0;
	}
	if (fs < 0 && errno == EPERM)
		return no(reason, "mounting an overlay needs root");
	if (fs < 0)
		return no(reason, "this kernel has no overlayfs (modprobe overlay), or none that "
				  "can be mounted by descriptor (Linux 5.2)");
	if (!takes_notes(private_fd)) {
		snprintf(reason, VZR_AREA_REASON,
			 "the private areas' file system cannot hold what an overlay changes "
			 "(trusted.overlay attributes: %s)",
			 strerrordesc_np(errno));
		return 0;
	}
	no(reason, "the container sees a shared prepared form and keeps its changes only; a limit "
		   "counts the changes");
	return 1;
}

static int make_dir(int area, const char *name, mode_t mode, struct vzr_error *err)
{
	int fd;

	if (mkdirat(area, name, mode) < 0)
		return vzr_fail_errno(err, "cannot make %s in the private area", name);
	fd = vzr_open_beneath(area, name, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? vzr_fail_code(err, fd, "cannot open %s in the private area", name) : fd;
}

/* An overlay's top is that of its upper directory, attributes and all. */
static int copy_top(const struct vzr_area_job *job, int upper, struct vzr_error *err)
{
	const struct vzr_clone_job clone = {.plain = job->base->plain};
	struct vzr_cloner cloner = {.job = &clone, .uid = (uid_t)-1, .gid = (gid_t)-1};
	struct vzr_clone_worker worker = {.cloner = &cloner, .buffer = malloc(VZR_CLONE_BUFFER)};
	struct stat st;
	int r;

	if (!worker.buffer)
		return vzr_fail_code(err, -ENOMEM, "cannot make the overlay of %s", job->label);
	r = fstat(job->base->root_fd, &st) < 0
		    ? vzr_fail_errno(err, "cannot look at the prepared form")
		    : vzr_clone_attributes(&worker, job->base->root_fd, &st, upper, err);
	free(worker.buffer);
	/* As every handoff has it, whatever the archive says: nobody could enter else. */
	if (r == 0 && fchmod(upper, 0755) < 0)
		r = vzr_fail_errno(err, "cannot set the mode of the overlay's top");
	return r;
}

static int fill(const struct vzr_area_job *job, int tree_fd, struct vzr_unpack_result *ret_result,
		struct vzr_error *err)
{
	VZR_AUTO_CLOSE int upper = make_dir(tree_fd, "upper", 0755, err);
	VZR_AUTO_CLOSE int work = upper < 0 ? -1 : make_dir(tree_fd, "work", 0700, err);
	int r;

	if (upper < 0 || work < 0)
		return upper < 0 ? upper : work;
	r = copy_top(job, upper, err);
	*ret_result = (struct vzr_unpack_result){.inodes = 3, .kib = 12};
	if (job->digest)
		ret_result->sha256 = *job->digest;
	return r;
}

static int set_path(int fs, const char *key, int fd)
{
	char path[FD_PATH];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, path, 0);
}

static int mount_detached(const struct vzr_area_job *job, int upper, int work,
			  struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fs = open_fs();
	VZR_AUTO_CLOSE int mount = -1;
	int fd;

	if (fs < 0 || set_path(fs, "lowerdir", job->base->root_fd) < 0 ||
	    set_path(fs, "upperdir", upper) < 0 || set_path(fs, "workdir", work) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return vzr_fail_errno(err, "cannot set the overlay of %s up", job->label);
	mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (mount < 0)
		return vzr_fail_errno(err, "cannot mount the overlay of %s", job->label);
	fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? vzr_fail_errno(err, "cannot open the overlay of %s", job->label) : fd;
}

static int open_root(const struct vzr_area_job *job, int tree_fd, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int upper = vzr_open_beneath(tree_fd, "upper", O_RDONLY | O_DIRECTORY, 0);
	VZR_AUTO_CLOSE int work = vzr_open_beneath(tree_fd, "work", O_RDONLY | O_DIRECTORY, 0);

	if (upper < 0 || work < 0)
		return vzr_fail_code(err, upper < 0 ? upper : work, "cannot open the overlay of %s",
				     job->label);
	return mount_detached(job, upper, work, err);
}

const struct vzr_area_ops vzr_area_overlay = {
	.name = "overlay",
	.summary = "changes over a shared prepared form, mounted at each start",
	.base = VZR_AREA_BASE_FIRST,
	.pins = true,
	.probe = probe,
	.make = vzr_area_make_dir,
	.fill = fill,
	.open_root = open_root,
};
