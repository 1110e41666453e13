/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is mounted where, as this process sees it. */
#pragma once

#include "engine/base/error.h"

/**
 * Is something mounted on the directory @fd or below it? 1 yes, 0 no, or -errno (without /proc
 * nobody can tell: -ENOENT).
 */
VZR_MUST_CHECK int vzr_mounts_below(int fd);

/** Turns the \ooo escapes of /proc/PID/mountinfo back into bytes, in place. */
void vzr_mounts_unescape(char *text);
