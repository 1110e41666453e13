/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzquota's quota file, version 3, in the layout of the vzquota binary that will read it. */
#pragma once

#include "engine/base/buf.h"

#define VZR_VZQUOTA_ON (1u << 0)      /**< the kernel has it: usage in the file is old */
#define VZR_VZQUOTA_DIRTY (1u << 1)   /**< usage is to be counted before it is used */
#define VZR_VZQUOTA_UGID_ON (1u << 2) /**< user and group records count */

#define VZR_VZQUOTA_MAX_RECORDS 1000000u

/** Whose "int", "long" and "size_t" the file has. */
enum vzr_vzquota_abi { VZR_VZQUOTA_X86_64, VZR_VZQUOTA_I386 };

/** Limits of one level; blocks in bytes, 0 is "no limit" for users and groups. */
struct vzr_vzquota_stat {
	uint64_t block_hard;
	uint64_t block_soft;
	uint32_t inode_hard;
	uint32_t inode_soft;
};

/** Grace times in seconds. */
struct vzr_vzquota_grace {
	uint64_t block_s;
	uint64_t inode_s;
};

/** One user or group record. */
struct vzr_vzquota_record {
	uint32_t id;
	bool is_group;
	struct vzr_vzquota_stat stat;
};

/** What a file says, without the usage. Zero-initialised it has no records. */
struct vzr_vzquota_file {
	uint32_t flags; /**< VZR_VZQUOTA_* */
	struct vzr_vzquota_stat stat;
	struct vzr_vzquota_grace grace;
	char *path;	     /**< the private area; owned */
	uint32_t ugid_limit; /**< most records the kernel is to keep */
	struct vzr_vzquota_grace user_grace;
	struct vzr_vzquota_grace group_grace;
	struct vzr_vzquota_record *records; /**< owned */
	size_t n_records;
};

void vzr_vzquota_file_done(struct vzr_vzquota_file *file);
#define VZR_AUTO_VZQUOTA_FILE __attribute__((cleanup(vzr_vzquota_file_done)))

/** Appends the file's bytes, checksum included; usage is written as 0. -ENOMEM, -VZR_E_LIMIT. */
VZR_MUST_CHECK int vzr_vzquota_emit(const struct vzr_vzquota_file *file, enum vzr_vzquota_abi abi,
				    struct vzr_buf *buf);

/**
 * Reads @len bytes written by a vzquota of @abi, as strictly as it does itself and more: magic,
 * sizes that add up, checksum, types, no record twice. -VZR_E_CONFIG says what is wrong, also
 * that the file is of the other ABI.
 */
VZR_MUST_CHECK int vzr_vzquota_parse(const void *data, size_t len, enum vzr_vzquota_abi abi,
				     struct vzr_vzquota_file *ret_file, struct vzr_error *err);
