/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Landlock by its system calls: a process that may reach one directory and nothing else. */
#include "engine/base/cleanup.h"
#include "engine/unpack/confine.h"

#include <linux/types.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* The kernel's interface, newer than Debian 12's headers know it. */
#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

enum {
	FS_EXECUTE = 1u << 0,
	FS_WRITE_FILE = 1u << 1,
	FS_READ_FILE = 1u << 2,
	FS_READ_DIR = 1u << 3,
	FS_REMOVE_DIR = 1u << 4,
	FS_REMOVE_FILE = 1u << 5,
	FS_MAKE_CHAR = 1u << 6,
	FS_MAKE_DIR = 1u << 7,
	FS_MAKE_REG = 1u << 8,
	FS_MAKE_SOCK = 1u << 9,
	FS_MAKE_FIFO = 1u << 10,
	FS_MAKE_BLOCK = 1u << 11,
	FS_MAKE_SYM = 1u << 12,
	FS_REFER = 1u << 13,	 /* version 2 */
	FS_TRUNCATE = 1u << 14,	 /* version 3 */
	FS_IOCTL_DEV = 1u << 15, /* version 5 */
	NET_ALL = 3u,		 /* version 4: bind and connect */
	SCOPE_ALL = 3u,		 /* version 6: abstract sockets, signals */
};

struct ruleset_attr {
	__u64 handled_fs;
	__u64 handled_net;
	__u64 scoped;
};

struct path_beneath {
	__u64 allowed;
	__s32 parent_fd;
} __attribute__((packed));

int vzr_landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

static __u64 handled_by(int version)
{
	__u64 rights = FS_MAKE_SYM * 2 - 1;

	if (version >= 2)
		rights |= FS_REFER;
	if (version >= 3)
		rights |= FS_TRUNCATE;
	if (version >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

int vzr_confine_landlock(int tree_fd, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int ruleset = -1;
	int version = vzr_landlock_version();
	struct ruleset_attr attr = {.handled_fs = handled_by(version)};
	struct path_beneath rule = {.parent_fd = tree_fd};
	size_t size = version >= 6 ? sizeof(attr) : version >= 4 ? 16 : 8;

	/* Version 1 forbids every link between directories. */
	if (version < 2)
		return 0;
	if (version >= 4)
		attr.handled_net = NET_ALL;
	if (version >= 6)
		attr.scoped = SCOPE_ALL;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return vzr_fail_errno(err, "cannot set Landlock up");
	rule.allowed = attr.handled_fs &
		       ~(__u64)(FS_EXECUTE | FS_MAKE_BLOCK | FS_MAKE_SOCK | FS_IOCTL_DEV);
	if (tree_fd >= 0 && syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0))
		return vzr_fail_errno(err, "cannot set Landlock up for the tree");
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return vzr_fail_errno(err, "cannot confine the unpacking with Landlock");
	return 1;
}
