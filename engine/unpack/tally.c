/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting against the limits. */
#include "engine/unpack/tally.h"

#include "engine/base/size.h"

#define DEFAULT_BYTES ((uint64_t)1 << 40)
#define DEFAULT_INODES ((uint64_t)16 << 20)
#define DEFAULT_DEPTH 128
#define DEFAULT_RATIO 1100
#define MEMBERS_PER_INODE 4 /* hard links and repetitions come on top of the inodes */
#define SHORT_LINK 60	    /* a target up to here is kept in the inode */
#define XATTR_IN_INODE 96   /* about what a 256-byte inode has left */

void vzr_tally_init(struct vzr_tally *tally, const struct vzr_unpack_limits *limits)
{
	*tally = (struct vzr_tally){.limits = *limits, .inodes = 1, .kib = VZR_TALLY_KIB};
	if (!tally->limits.bytes)
		tally->limits.bytes = DEFAULT_BYTES;
	if (!tally->limits.kib)
		tally->limits.kib = UINT64_MAX;
	if (!tally->limits.inodes)
		tally->limits.inodes = DEFAULT_INODES;
	if (!tally->limits.depth)
		tally->limits.depth = DEFAULT_DEPTH;
	if (!tally->limits.ratio)
		tally->limits.ratio = DEFAULT_RATIO;
}

int vzr_tally_entry(struct vzr_tally *tally, struct vzr_error *err)
{
	uint64_t most;

	if (__builtin_mul_overflow(tally->limits.inodes, (uint64_t)MEMBERS_PER_INODE, &most))
		most = UINT64_MAX;
	if (tally->entries >= most)
		return vzr_fail(err, -VZR_E_LIMIT, "the archive has more than %llu members",
				(unsigned long long)most);
	tally->entries++;
	return 0;
}

int vzr_tally_inode(struct vzr_tally *tally, uint64_t kib, struct vzr_error *err)
{
	int r;

	if (tally->inodes >= tally->limits.inodes)
		return vzr_fail(err, -VZR_E_OVER_QUOTA,
				"the tree needs more than the %llu inodes that it may have",
				(unsigned long long)tally->limits.inodes);
	r = vzr_tally_room(tally, kib, err);
	if (r == 0)
		tally->inodes++;
	return r;
}

int vzr_tally_room(struct vzr_tally *tally, uint64_t kib, struct vzr_error *err)
{
	char text[VZR_SIZE_TEXT];
	uint64_t sum;

	if (__builtin_add_overflow(tally->kib, kib, &sum) || sum > tally->limits.kib)
		return vzr_fail(err, -VZR_E_OVER_QUOTA,
				"the tree needs more than the %llu KiB (%s) that it may have",
				(unsigned long long)tally->limits.kib,
				vzr_kib_text(tally->limits.kib, text));
	tally->kib = sum;
	return 0;
}

int vzr_tally_bytes(struct vzr_tally *tally, uint64_t bytes, struct vzr_error *err)
{
	uint64_t sum;

	if (__builtin_add_overflow(tally->bytes, bytes, &sum) || sum > tally->limits.bytes)
		return vzr_fail(err, -VZR_E_LIMIT,
				"with its %llu bytes the archive has more than %llu bytes of files",
				(unsigned long long)bytes, (unsigned long long)tally->limits.bytes);
	tally->bytes = sum;
	return 0;
}

void vzr_tally_drop(struct vzr_tally *tally, uint64_t kib, uint64_t bytes)
{
	tally->inodes -= tally->inodes > 1;
	tally->kib -= kib < tally->kib ? kib : tally->kib;
	tally->bytes -= bytes < tally->bytes ? bytes : tally->bytes;
}

uint64_t vzr_tally_blocks_kib(uint64_t bytes)
{
	uint64_t block = (uint64_t)VZR_TALLY_KIB << 10;

	return (bytes / block + (bytes % block > 0)) * VZR_TALLY_KIB;
}

uint64_t vzr_tally_member_kib(const struct vzr_member *member)
{
	uint64_t kib = 0, attributes = member->acl_access.len + member->acl_default.len;

	for (size_t i = 0; i < member->n_xattrs; i++)
		attributes += 16 + member->xattrs[i].len;
	if (attributes > XATTR_IN_INODE)
		kib += VZR_TALLY_KIB;
	if (member->type == VZR_MEMBER_DIR)
		return kib + VZR_TALLY_KIB;
	if (member->type == VZR_MEMBER_FILE && !member->sparse)
		return kib + vzr_tally_blocks_kib(member->size);
	if (member->type == VZR_MEMBER_SYMLINK && __builtin_strlen(member->link) >= SHORT_LINK)
		return kib + VZR_TALLY_KIB;
	return kib;
}
