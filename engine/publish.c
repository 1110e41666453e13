/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publishing a cached template to TEMPLATE/cache. */
#include "engine/publish.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#define COPY_BLOCK (1u << 20)
#define TEMP_SUFFIX ".vzroot-tmp"

/* vzctl looks for these suffixes and no others, in this order (create.c:198). */
static const struct {
	const char *compression, *suffix;
} suffixes[] = {
	{ "none", ".tar" }, { "gzip", ".tar.gz" }, { "bzip2", ".tar.bz2" }, { "xz", ".tar.xz" },
};

static const char *suffix_of(const char *compression)
{
	for (size_t i = 0; compression && i < VZR_COUNT(suffixes); i++)
		if (strcmp(suffixes[i].compression, compression) == 0)
			return suffixes[i].suffix;
	return NULL;
}

/* vzctl takes the first that is there: ours must not stand behind another. */
static int check_not_hidden(int dir, const char *cache, const char *name, const char *suffix,
			    struct vzr_error *err)
{
	for (size_t i = 0; strcmp(suffixes[i].suffix, suffix) != 0; i++) {
		VZR_AUTO_FREE char *file = NULL;
		struct stat st;

		if (asprintf(&file, "%s%s", name, suffixes[i].suffix) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot publish %s", name);
		if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return vzr_fail(err, -VZR_E_EXISTS,
					"vzctl would take the older %s/%s and not %s%s: remove it "
					"first",
					cache, file, name, suffix);
	}
	return 0;
}

/* What others can write is not what was verified for long. */
static int check_private(int dir, const char *cache, struct vzr_error *err)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return vzr_fail_errno(err, "cannot look at %s", cache);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s can be changed by others than root: run chown root %s && chmod "
				"go-w %s",
				cache, cache, cache);
	return 0;
}

/* What a killed run left. Under the lock no living one writes there. */
static void sweep(int dir)
{
	VZR_AUTO_CLOSEDIR DIR *stream = NULL;
	const struct dirent *entry;
	int fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);

	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		vzr_closep(&fd);
		return;
	}
	rewinddir(stream);
	while ((entry = readdir(stream))) {
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.' && len > strlen(TEMP_SUFFIX) &&
		    strcmp(entry->d_name + len - strlen(TEMP_SUFFIX), TEMP_SUFFIX) == 0)
			unlinkat(dir, entry->d_name, 0);
	}
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
	VZR_AUTO_CLOSE int fd =
		openat(dir, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = copy_bytes(blob->fd, fd, blob->size_bytes);
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
		r = -errno;
	return r;
}

static int replace(int dir, const char *file, const char *temp, const struct vzr_blob *blob)
{
	int r = write_copy(dir, temp, blob);

	if (r == 0 && renameat(dir, temp, dir, file) < 0)
		r = -errno;
	if (r == 0)
		r = vzr_fsync_dir(dir);
	else
		unlinkat(dir, temp, 0);
	return r;
}

int vzr_publish_openvz(const struct vzr_settings *settings, const struct vzr_blob *blob,
		       const struct vzr_name *name, struct vzr_error *err)
{
	VZR_AUTO_FREE char *cache = vzr_path_join(vzr_setting(settings, "TEMPLATE"), "cache");
	VZR_AUTO_FREE char *file = NULL, *temp = NULL;
	VZR_AUTO_CLOSE int dir = -1;
	const char *suffix = suffix_of(name->compression);
	int r;

	if (!suffix)
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"vzctl cannot read %s archives: %s is not published",
				name->compression ? name->compression : "such", name->name);
	if (!cache || asprintf(&file, "%s%s", name->name, suffix) < 0 ||
	    asprintf(&temp, ".%s" TEMP_SUFFIX, file) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot publish %s", name->name);
	dir = vzr_mkdirs_in_root(vzr_settings_root_fd(settings), cache, 0755, err);
	if (dir < 0)
		return dir;
	r = check_private(dir, cache, err);
	if (r == 0)
		r = check_not_hidden(dir, cache, name->name, suffix, err);
	if (r < 0)
		return r;
	while (flock(dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return vzr_fail_errno(err, "cannot lock %s", cache);
	sweep(dir);
	if (same_bytes(dir, file, &name->digest))
		return 0;
	r = replace(dir, file, temp, blob);
	return r < 0 ? vzr_fail_code(err, r, "cannot publish %s to %s", file, cache) : 0;
}

void vzr_publish_recover(const struct vzr_settings *settings)
{
	VZR_AUTO_FREE char *cache = vzr_path_join(vzr_setting(settings, "TEMPLATE"), "cache");
	VZR_AUTO_CLOSE int dir =
		cache ? vzr_open_in_root(vzr_settings_root_fd(settings), cache,
					 O_RDONLY | O_DIRECTORY, 0)
		      : -1;

	if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0)
		sweep(dir);
}
