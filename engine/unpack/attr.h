/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owners, modes, attributes and times: applied, then read back. */
#pragma once

#include "engine/unpack/member.h"

#include <sys/stat.h>

/** Sets attribute @name on @fd and reads it back. */
VZR_MUST_CHECK int vzr_attr_set_xattr(int fd, const char *name, const void *value, size_t len,
				      struct vzr_error *err);

/**
 * Sets the modification time of @fd and reads it back; *ret_st is what @fd is then. 1: the file
 * system cannot hold that time.
 */
VZR_MUST_CHECK int vzr_attr_set_time(int fd, const struct timespec *mtime, struct stat *ret_st,
				     struct vzr_error *err);

/** Are owner and mode of @st those of @member, and has it no attributes besides? */
bool vzr_attr_are(const struct stat *st, const struct vzr_member *member);

/**
 * Gives @fd (opened for reading or writing, not O_PATH) owner, mode, ACL and attributes of
 * @member, in this order, and verifies them. The modification time stays as it is.
 */
VZR_MUST_CHECK int vzr_attr_apply(int fd, const struct vzr_member *member, struct vzr_error *err);

/**
 * The same for what has no descriptor (links, devices, fifos): owner, mode, time of @name in
 * directory @parent.
 */
VZR_MUST_CHECK int vzr_attr_apply_at(int parent, const char *name, const struct vzr_member *member,
				     struct vzr_left_out *left_out, struct vzr_error *err);
