/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a program: no shell, clean environment, nothing inherited by accident, a time-out. */
#pragma once

#include "engine/base/buf.h"

#define VZR_PROC_INHERIT_MAX 4

/** A program run. Zero-initialise and set what is needed. */
struct vzr_proc {
	const char *const *argv; /**< argv[0] is an absolute path or looked up in a fixed PATH */
	int capture_fd;		 /**< child's descriptor that is collected: 1, 2 or 3; 0: none */
	struct vzr_buf *capture; /**< where it goes; its max bounds it */
	int inherit[VZR_PROC_INHERIT_MAX]; /**< become the child's 4, 5, ... */
	size_t n_inherit;
	unsigned int timeout_ms; /**< 0: 60 s */
};

/**
 * Runs the program to its end. Standard input is /dev/null; what is not captured goes there too.
 * The environment is PATH and LC_ALL=C only. *ret_status: exit status 0..255, or 128 + signal.
 * -VZR_E_UNSUPPORTED if the program does not exist, -ETIMEDOUT (killed) after the time-out.
 */
VZR_MUST_CHECK int vzr_proc_run(const struct vzr_proc *proc, int *ret_status,
				struct vzr_error *err);
