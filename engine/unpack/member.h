/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A member of the archive as a plain value: checked names and attributes, ready to be made. */
#pragma once

#include "engine/base/buf.h"
#include "engine/unpack/policy.h"
#include "engine/unpack/text.h"

#include <time.h>

#define VZR_MEMBER_PATH_MAX 4095
#define VZR_MEMBER_NAME_MAX 255
#define VZR_MEMBER_LINK_MAX 4095
#define VZR_MEMBER_XATTRS 64
#define VZR_MEMBER_XATTR_MAX (64u << 10)

/** One extended attribute. */
struct vzr_xattr {
	char name[256];
	unsigned char *value; /**< owned */
	size_t len;
};

/** One member. Reused from member to member, so that its buffers are. */
struct vzr_member {
	enum vzr_member_type type;
	char path[VZR_MEMBER_PATH_MAX + 1]; /**< relative, no ".", "..", "//"; "" is the root */
	char link[VZR_MEMBER_LINK_MAX + 1]; /**< symlink: as it is; hard link: like path */
	char shown[VZR_BRIEF];		    /**< its name in messages, as the archive has it */
	size_t depth;			    /**< components of path */
	mode_t mode;			    /**< 07777 at most */
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	uint64_t size;	 /**< apparent size of a file, else 0 */
	uint64_t stored; /**< bytes of data in the archive */
	bool sparse;
	uint64_t major; /**< of a device */
	uint64_t minor;
	struct vzr_xattr xattrs[VZR_MEMBER_XATTRS];
	size_t n_xattrs;
	struct vzr_buf acl_access;  /**< as system.posix_acl_access takes it; empty: none */
	struct vzr_buf acl_default; /**< as system.posix_acl_default */
};

/** Empties @member; buffers of fixed size stay. */
void vzr_member_reset(struct vzr_member *member);

/**
 * Checks @raw and writes it to @out as a clean relative path: "./" and double slashes drop out.
 * *ret_slash (may be NULL): it ended in '/'. -VZR_E_REFUSED: empty, absolute, "..";
 * -VZR_E_LIMIT: too long or more than @max_depth components.
 */
VZR_MUST_CHECK int vzr_member_set_path(const char *raw, unsigned int max_depth,
				       char out[VZR_MEMBER_PATH_MAX + 1], size_t *ret_depth,
				       bool *ret_slash, struct vzr_error *err);

struct archive_entry;
struct vzr_scan_member;
struct vzr_left_out;

/**
 * Fills @member from what libarchive and the scanner read of it. 0, 1 if the member is left out by
 * policy (counted and reported in @left_out), or an error that says why, without the name.
 */
VZR_MUST_CHECK int vzr_member_read(struct archive_entry *entry, const struct vzr_scan_member *scan,
				   unsigned int max_depth, struct vzr_left_out *left_out,
				   struct vzr_member *member, struct vzr_error *err);

/**
 * Turns the entry's ACL of one kind (ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT) into the kernel's
 * binary form; nothing is added if there are no more than the mode's three entries. 0, or 1 if it
 * names an owner that is no number: *ret_group then holds the owning group's own permissions.
 */
VZR_MUST_CHECK int vzr_acl_read(struct archive_entry *entry, int type, struct vzr_buf *acl,
				mode_t *ret_group, struct vzr_error *err);

/** Copies an ACL that is in the kernel's form already, after a look at its shape. */
VZR_MUST_CHECK int vzr_acl_check(const void *value, size_t len, struct vzr_buf *acl,
				 struct vzr_error *err);

/** The permission bits that a file with this binary ACL shows. */
mode_t vzr_acl_mode(const struct vzr_buf *acl);
