/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publishing a cached template to TEMPLATE/cache. */
#include "engine/publish.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#define COPY_BLOCK (1u << 20)

/* vzctl looks for these suffixes and no others (create.c:198). */
static const char *suffix_of(const char *compression)
{
	static const struct {
		const char *compression, *suffix;
	} table[] = {
		{ "none", ".tar" }, { "gzip", ".tar.gz" }, { "bzip2", ".tar.bz2" },
		{ "xz", ".tar.xz" },
	};

	for (size_t i = 0; compression && i < VZR_COUNT(table); i++)
		if (strcmp(table[i].compression, compression) == 0)
			return table[i].suffix;
	return NULL;
}

/* The same bytes: a reflink where the file system can, else a copy in the kernel. */
static int copy_bytes(int from, int to, uint64_t size)
{
	VZR_AUTO_FREE char *block = NULL;
	loff_t at = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while ((uint64_t)at < size) {
		ssize_t n = copy_file_range(from, &at, to, NULL, COPY_BLOCK, 0);

		if (n <= 0)
			break;
	}
	block = (uint64_t)at < size ? malloc(COPY_BLOCK) : NULL;
	while ((uint64_t)at < size) {
		ssize_t n = block ? pread(from, block, COPY_BLOCK, at) : -1;
		int r;

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = vzr_write_all(to, block, (size_t)n);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

static bool same_bytes(int dir, const char *name, const struct vzr_digest *digest)
{
	VZR_AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct vzr_digest there;

	return fd >= 0 && vzr_digest_of_fd(VZR_SHA256, fd, &there, NULL, NULL) == 0 &&
	       vzr_digest_equal(&there, digest);
}

static int write_copy(int dir, const char *temp, const struct vzr_blob *blob)
{
	VZR_AUTO_CLOSE int fd = -1;
	int r;

	if (unlinkat(dir, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = copy_bytes(blob->fd, fd, blob->size_bytes);
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
		r = -errno;
	return r;
}

int vzr_publish_openvz(const struct vzr_settings *settings, const struct vzr_blob *blob,
		       const struct vzr_name *name, struct vzr_error *err)
{
	VZR_AUTO_FREE char *cache = vzr_path_join(vzr_setting(settings, "TEMPLATE"), "cache");
	VZR_AUTO_FREE char *file = NULL, *temp = NULL;
	VZR_AUTO_CLOSE int dir = -1;
	VZR_AUTO_CLOSE int lock = -1;
	const char *suffix = suffix_of(name->compression);
	int r;

	if (!suffix)
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"vzctl cannot read %s archives: %s is not published",
				name->compression ? name->compression : "such", name->name);
	if (!cache || asprintf(&file, "%s%s", name->name, suffix) < 0 ||
	    asprintf(&temp, ".%s.vzroot-tmp", file) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot publish %s", name->name);
	dir = vzr_mkdirs_in_root(vzr_settings_root_fd(settings), cache, 0755, err);
	if (dir < 0)
		return dir;
	if (same_bytes(dir, file, &name->digest))
		return 0;
	lock = vzr_lock(dir, ".vzroot.lock", true, err);
	if (lock < 0)
		return lock;
	r = write_copy(dir, temp, blob);
	if (r == 0 && renameat(dir, temp, dir, file) < 0)
		r = -errno;
	if (r == 0)
		r = vzr_fsync_dir(dir);
	else
		unlinkat(dir, temp, 0);
	return r < 0 ? vzr_fail_code(err, r, "cannot publish %s to %s", file, cache) : 0;
}
