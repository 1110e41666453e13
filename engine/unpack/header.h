/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fields of one 512-byte tar header that the structure depends on. */
#pragma once

#include "engine/base/error.h"

#define VZR_TAR_NAME 260

/** Is the check sum right, by unsigned or (some old writers) signed bytes? */
bool vzr_header_sum_ok(const unsigned char *block);

/** The type flag; '0' for the NUL and '7' that also mean a regular file. */
char vzr_header_type(const unsigned char *block);

/** The size field, octal or base 256. -VZR_E_ARCHIVE if negative, too large or no number. */
VZR_MUST_CHECK int vzr_header_size(const unsigned char *block, uint64_t *ret_size,
				   struct vzr_error *err);

/** Does an old GNU sparse map go on in the next block? */
bool vzr_header_more_sparse(const unsigned char *block);

/** Refuses types that are not supported, and data on what has none. */
VZR_MUST_CHECK int vzr_header_check_type(char type, uint64_t size, struct vzr_error *err);

/** The name in the header itself, prefix included. Returns @out. */
char *vzr_header_name(const unsigned char *block, char out[VZR_TAR_NAME]);
