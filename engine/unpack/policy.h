/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an archive may put into a tree, in one place:
 *
 * made       directories, regular files (sparse ones too), symbolic links, hard links to what this
 *            archive made, fifos, and the eight devices that every root needs: null, zero, full,
 *            random, urandom, tty, console, ptmx (by number); any uid and gid from 0 to 2^32-2,
 *            every mode bit, times; user.* attributes of files and directories,
 *            security.capability of files, POSIX ACLs of files and directories
 * left out   (with a warning, counted) other devices, sockets; every other attribute: trusted.*,
 *            user.overlay.*, security.selinux and other security.*, NFSv4 ACLs, and attributes of
 *            what is neither file nor directory; ACLs that name an owner without a number (the
 *            mode then shrinks to what the owning group had)
 * refused    (the unpacking fails) absolute names, "..", a link or a file as a parent, a root that
 *            is no directory, hard links to anything else, ids out of range, types of member not
 *            named here, what readers of tar do not agree on, and everything past a limit
 * ignored    file flags (+i, +a), user and group names, access and change times
 */
#pragma once

#include "engine/base/event.h"

enum vzr_member_type {
	VZR_MEMBER_DIR,
	VZR_MEMBER_FILE,
	VZR_MEMBER_SYMLINK,
	VZR_MEMBER_HARDLINK,
	VZR_MEMBER_CHAR,
	VZR_MEMBER_BLOCK,
	VZR_MEMBER_FIFO,
	VZR_MEMBER_SOCKET
};

/** Why something was left out. */
enum vzr_policy_reason {
	VZR_LEFT_NOTHING, /**< it is made */
	VZR_LEFT_CHAR_DEVICE,
	VZR_LEFT_BLOCK_DEVICE,
	VZR_LEFT_SOCKET,
	VZR_LEFT_TRUSTED,
	VZR_LEFT_OVERLAY,
	VZR_LEFT_LSM,
	VZR_LEFT_SECURITY,
	VZR_LEFT_SYSTEM,
	VZR_LEFT_OTHER_XATTR,
	VZR_LEFT_NOT_A_FILE,
	VZR_LEFT_ACL_NAME,
	VZR_LEFT_NFS4_ACL,
	VZR_LEFT_TIME,
	VZR_LEFT_COUNT
};

/** What to do with a member of @type (and these numbers, if it is a device). */
enum vzr_policy_reason vzr_policy_member(enum vzr_member_type type, uint64_t major, uint64_t minor);

/** What to do with attribute @name of a member of @type. ACLs do not come this way. */
enum vzr_policy_reason vzr_policy_xattr(const char *name, enum vzr_member_type type);

/** What was left out so far. Zero-initialised but for @ctx. */
struct vzr_left_out {
	struct vzr_context *ctx;
	uint64_t total;
	uint64_t count[VZR_LEFT_COUNT];
	char first[VZR_LEFT_COUNT][112]; /**< the first member of each */
	uint64_t first_at[VZR_LEFT_COUNT]; /**< its number in the archive */
	uint64_t member; /**< number of the member that is being read */
};

/**
 * Counts one thing left out of member @path. Devices and sockets are reported at once (the first
 * few of them), attributes by vzr_left_out_report().
 */
void vzr_left_out_add(struct vzr_left_out *left_out, enum vzr_policy_reason reason,
		      const char *path, const char *detail);

/** The same for member number @at, which was read some time ago; not for devices and sockets. */
void vzr_left_out_add_at(struct vzr_left_out *left_out, enum vzr_policy_reason reason,
			 const char *path, uint64_t at);

/** Sends one warning for each kind of attribute left out, and for devices past the first few. */
void vzr_left_out_report(const struct vzr_left_out *left_out);
