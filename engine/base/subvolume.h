/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* btrfs subvolumes, by the kernel's own calls. */
#pragma once

#include "engine/base/error.h"

/** Is @fd a directory on btrfs? */
bool vzr_is_btrfs(int fd);

/** Is the directory @fd the root of a btrfs subvolume? */
bool vzr_subvolume_is(int fd);

/** Makes an empty subvolume @name in @dirfd. 0 or -errno; -EOPNOTSUPP or -ENOTTY: not btrfs. */
VZR_MUST_CHECK int vzr_subvolume_make(int dirfd, const char *name);

/** Makes @name in @dirfd a writable snapshot of the subvolume @from_fd. 0 or -errno. */
VZR_MUST_CHECK int vzr_subvolume_snapshot(int from_fd, int dirfd, const char *name);

/** Makes the subvolume @fd read-only or writable. 0 or -errno. */
VZR_MUST_CHECK int vzr_subvolume_set_readonly(int fd, bool readonly);

/**
 * Removes the subvolume @name in @dirfd with all that is in it, at once. 0 or -errno: -ENOTEMPTY
 * if it has subvolumes of its own, -EBUSY if something is mounted in it, -EPERM or -EINVAL if it
 * is none or the kernel does not let us: then its files can still be removed one by one.
 */
VZR_MUST_CHECK int vzr_subvolume_remove(int dirfd, const char *name);
