/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of OpenVZ's configuration files, read as vzctl 4.x reads them. */
#pragma once

#include "engine/base/error.h"

#define VZR_CTID_MIN 101u	 /* up to 100 is reserved for OpenVZ itself */
#define VZR_CTID_MAX 2147483644u /* VEID_MAX of vzctl */

/*
 * What stands for "no limit" where vzctl wants a number: 16 TiB is the most that ext4 holds on an
 * OpenVZ 6 kernel and that a 32-bit statfs() can say; below 2^31 inodes no vzctl cuts the value.
 * Both leave room for the 100 that vzctl adds while it starts a container.
 */
#define VZR_VZ_NO_LIMIT_KIB 17179868160ull
#define VZR_VZ_NO_LIMIT_KIB_I386 2147482624ull
#define VZR_VZ_NO_LIMIT_INODES 2147482624ull

/** "SOFT:HARD" of a configuration file. */
struct vzr_vz_limit {
	uint64_t soft; /**< in units of the divisor */
	uint64_t hard; /**< the same as soft if the text has one number only */
};

/**
 * Reads "SOFT[:HARD]", each a decimal number with an optional fraction and an optional suffix
 * B, K, M, G, T or P (pages of 4 KiB) in either case. A number with a suffix is divided by
 * @divisor (1024 for DISKSPACE, 1 for DISKINODES), one without is taken as it is; fractions are
 * cut off, as vzctl does. -VZR_E_INPUT if vzctl would skip the line or store something else than
 * what it says ("unlimited", "10:", "-1", too large). Fills no message.
 */
VZR_MUST_CHECK int vzr_vz_limit_parse(const char *text, uint32_t divisor,
				      struct vzr_vz_limit *ret_limit);
