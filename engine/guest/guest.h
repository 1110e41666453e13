/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a root needs before its first start, done from outside and never through a link of the
 * guest: every path is opened with RESOLVE_IN_ROOT semantics and refused if it is a link, changed
 * by a new file and a rename, and files made get the guest root's ids.
 */
#pragma once

#include "engine/base/event.h"

/** One root to customise. */
struct vzr_guest_job {
	struct vzr_context *ctx;
	int root_fd;		 /**< the tree's root directory */
	const char *hostname;	 /**< NULL: leave it */
	const char *const *nameservers; /**< written to resolv.conf when there are any */
	size_t n_nameservers;
	uint32_t root_uid; /**< host id of the guest's root: 0 without <idmap> */
	uint32_t root_gid;
};

/**
 * Hostname (Debian, Red Hat, SUSE, Alpine, Gentoo, Arch ways), hosts, resolv.conf, empty
 * machine-id, ssh host keys removed (the guest makes its own), an empty root password locked,
 * minutes of cron jobs spread. A guest that lacks a file is left as it is. What cannot be done
 * because the guest's file is a link or no regular file is a warning event, never followed.
 */
VZR_MUST_CHECK int vzr_guest_customise(const struct vzr_guest_job *job, struct vzr_error *err);

/**
 * The id of user (or group) @name by the guest's own /etc/passwd (/etc/group), read as hostile
 * files; a decimal @name is its own id. -VZR_E_NOT_FOUND.
 */
VZR_MUST_CHECK int vzr_guest_find_id(int root_fd, const char *name, bool is_group,
				     uint32_t *ret_id, struct vzr_error *err);

/** Distinct uids plus distinct gids of the tree's files: records that a quota must hold. */
VZR_MUST_CHECK int vzr_guest_count_owners(int root_fd, uint64_t *ret_count,
					  struct vzr_error *err);
