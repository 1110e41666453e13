/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files and directories, always relative to a directory descriptor. */
#pragma once

#include "engine/base/buf.h"

#include <sys/stat.h>

/**
 * Opens @path (relative) below @dirfd without following a link in any component, without leaving
 * @dirfd and without crossing a mount point (openat2; a component walk where the kernel or a
 * seccomp filter lacks it). O_CLOEXEC is added. Returns the descriptor or -errno; a link as a
 * component is -ELOOP. Use it for everything that somebody else may have put there.
 */
VZR_MUST_CHECK int vzr_open_beneath(int dirfd, const char *path, int flags, mode_t mode);

/**
 * Opens @path as a process that has @root_fd as its root directory would see it: absolute or not,
 * links and ".." stay inside. For paths out of the administrator's configuration.
 * O_CLOEXEC is added. Returns the descriptor or -errno.
 */
VZR_MUST_CHECK int vzr_open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/** Opens directory @path in @root_fd like vzr_open_in_root(), making what is missing with @mode. */
VZR_MUST_CHECK int vzr_mkdirs_in_root(int root_fd, const char *path, mode_t mode,
				      struct vzr_error *err);

/**
 * Opens the directory part of @path in @root_fd and points *ret_name at the last component (in
 * @path). @path must end in a plain name. Returns the descriptor or -errno.
 */
VZR_MUST_CHECK int vzr_open_parent_in_root(int root_fd, const char *path, const char **ret_name);

/** Reads a regular file (no link, no fifo; at most buf->max bytes) below @dirfd into @buf. */
VZR_MUST_CHECK int vzr_file_read(int dirfd, const char *name, struct vzr_buf *buf,
				 struct vzr_error *err);

/** Reads from @fd's position to its end into @buf (at most buf->max bytes). */
VZR_MUST_CHECK int vzr_fd_read(int fd, struct vzr_buf *buf, struct vzr_error *err);

/** Writes all of it, over short writes and EINTR. 0 or -errno. */
VZR_MUST_CHECK int vzr_write_all(int fd, const void *data, size_t len);

#define VZR_PUT_NEW (1u << 0)	  /* -EEXIST rather than replace */
#define VZR_PUT_NO_SYNC (1u << 1) /* leave durability to the file system */
#define VZR_PUT_NO_DIR_SYNC (1u << 2) /* the content is fsynced, the directory is the caller's */

/**
 * Publishes a file whole: written under a temporary name, fsynced, given @mode and named @name in
 * @dirfd, then the directory is fsynced. A kill leaves the old file, the new one, or (when a file
 * is replaced) the old one and ".NAME.vzroot-tmp", which the next call replaces. Several writers
 * of one name take turns.
 */
VZR_MUST_CHECK int vzr_file_put(int dirfd, const char *name, const void *data, size_t len,
				mode_t mode, unsigned int flags, struct vzr_error *err);

/** fsync of a directory. 0 or -errno. */
VZR_MUST_CHECK int vzr_fsync_dir(int dirfd);

/**
 * Removes the file or tree @name in @dirfd, whatever its modes, attribute flags and depth, without
 * following links or crossing mounts (-EBUSY). 0 if it is gone or was not there. A directory part
 * of @name is the caller's own and is not checked.
 */
VZR_MUST_CHECK int vzr_rm_tree(int dirfd, const char *name, struct vzr_error *err);

/**
 * Takes an exclusive flock on file @name in @dirfd, making it if it is missing (mode 0600).
 * @wait: block until it is free; else -VZR_E_BUSY. Returns the descriptor; closing it unlocks.
 */
VZR_MUST_CHECK int vzr_lock(int dirfd, const char *name, bool wait, struct vzr_error *err);

/** Free room for root on @fd's file system. */
VZR_MUST_CHECK int vzr_free_space(int fd, uint64_t *ret_kib, uint64_t *ret_inodes,
				  struct vzr_error *err);
