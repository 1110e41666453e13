/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Content and attributes of one regular file, put there by whichever thread has it. */
#pragma once

#include "engine/unpack/member.h"

/** Writes @len bytes at @offset of @fd. */
VZR_MUST_CHECK int vzr_file_write(int fd, const void *data, size_t len, uint64_t offset,
				  struct vzr_error *err);

/**
 * Gives @fd the size, owner, mode, attributes and time of @member, reads them back and closes it
 * (always). @end: where the last byte written lies. 1: all but the time, which the file system
 * cannot hold.
 */
VZR_MUST_CHECK int vzr_file_finish(int fd, const struct vzr_member *member, uint64_t end,
				   struct vzr_error *err);
