/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tree takes so far, against the limits. Checked before anything is made. */
#pragma once

#include "engine/unpack/member.h"
#include "engine/unpack/unpack.h"

#define VZR_TALLY_KIB 4u /* of one block */

/** Running totals. Start with vzr_tally_init(). */
struct vzr_tally {
	struct vzr_unpack_limits limits; /**< without zeros */
	uint64_t entries;
	uint64_t inodes;
	uint64_t bytes;
	uint64_t kib;
};

/** Puts the defaults in place of zeros and counts the root directory. */
void vzr_tally_init(struct vzr_tally *tally, const struct vzr_unpack_limits *limits);

/** Counts one member of the archive. -VZR_E_LIMIT. */
VZR_MUST_CHECK int vzr_tally_entry(struct vzr_tally *tally, struct vzr_error *err);

/** Counts one new inode of @kib. -VZR_E_OVER_QUOTA, and nothing is counted. */
VZR_MUST_CHECK int vzr_tally_inode(struct vzr_tally *tally, uint64_t kib, struct vzr_error *err);

/** Counts room that an inode takes beyond what was counted with it. -VZR_E_OVER_QUOTA. */
VZR_MUST_CHECK int vzr_tally_room(struct vzr_tally *tally, uint64_t kib, struct vzr_error *err);

/** Counts a file's apparent size. -VZR_E_LIMIT. */
VZR_MUST_CHECK int vzr_tally_bytes(struct vzr_tally *tally, uint64_t bytes, struct vzr_error *err);

/** Takes back an inode that was replaced. */
void vzr_tally_drop(struct vzr_tally *tally, uint64_t kib, uint64_t bytes);

/**
 * Room that @member takes as a new inode, in blocks of 4 KiB: data (of a sparse file: none, it is
 * counted as it is written), long link targets, attributes that do not fit into the inode.
 */
uint64_t vzr_tally_member_kib(const struct vzr_member *member);

/** @bytes in whole blocks, in KiB. */
uint64_t vzr_tally_blocks_kib(uint64_t bytes);
