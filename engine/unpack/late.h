/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What directories get when all members are made: times (making a child changes them) and default
 * ACLs (children would inherit them). Kept in the order of the archive, compactly; what does not
 * fit into a small buffer goes to a nameless file in the tree's file system.
 */
#pragma once

#include "engine/unpack/member.h"

struct vzr_late;

/** @tree_fd is borrowed. */
VZR_MUST_CHECK int vzr_late_new(int tree_fd, struct vzr_late **ret_late, struct vzr_error *err);
void vzr_late_free(struct vzr_late *late);

/** Remembers what directory @member gets. */
VZR_MUST_CHECK int vzr_late_add(struct vzr_late *late, const struct vzr_member *member,
				struct vzr_error *err);

/** To be called when a directory was replaced by something else: its record may lead nowhere. */
void vzr_late_removed(struct vzr_late *late);

/** Applies all of it, in order: of a repeated directory the last one counts. */
VZR_MUST_CHECK int vzr_late_apply(struct vzr_late *late, struct vzr_left_out *left_out,
				  struct vzr_error *err);
