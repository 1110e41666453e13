/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process gives up for good before it reads an archive. */
#pragma once

#include "engine/base/event.h"

/** Where the child's descriptors are after vzr_confine_descriptors(). */
enum vzr_child_fd { VZR_CHILD_PIPE = 3, VZR_CHILD_ARCHIVE = 4, VZR_CHILD_TREE = 5 };

/**
 * Moves the three descriptors to their places (@tree -1: none), puts /dev/null on 0 to 2 and
 * closes everything else. 0 or -errno.
 */
VZR_MUST_CHECK int vzr_confine_descriptors(int pipe_fd, int archive_fd, int tree_fd);

/**
 * No new privileges; of the capabilities only those that making files needs (none if @tree_fd is
 * -1); no core file, few descriptors, bounded memory; Landlock: only below @tree_fd; seccomp: only
 * the calls that unpacking needs. Threads started later are confined too. -EPERM with the name of
 * a capability that is missing. What the kernel does not have is left away, with an event.
 */
VZR_MUST_CHECK int vzr_confine(int tree_fd, struct vzr_context *ctx, struct vzr_error *err);

/** Restricts file access to @tree_fd (-1: to nothing). 1 done, 0 the kernel has no Landlock. */
VZR_MUST_CHECK int vzr_confine_landlock(int tree_fd, struct vzr_error *err);

/** Version of the kernel's Landlock, 0 if it has none. */
int vzr_landlock_version(void);

/** Loads the system call filter. 1 done, 0 not built in or the kernel has no seccomp. */
VZR_MUST_CHECK int vzr_confine_seccomp(struct vzr_error *err);

/** Can the filter be loaded here? */
bool vzr_seccomp_works(void);
