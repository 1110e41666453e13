/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a failure is filled in and wrapped; the struct and the codes are in engine/vzroot.h. */
#pragma once

#include "engine/vzroot.h"

#include <stdarg.h>

#define VZR_ERROR_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

#define VZR_MUST_CHECK __attribute__((warn_unused_result))
#define VZR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/**
 * Fills @err (may be NULL) and returns @code, so that "return vzr_fail(...)" reads well.
 * Bytes that a terminal or a log would act upon (control characters, broken UTF-8) are written as
 * \xNN: the text may hold names out of archives. A text that is too long is cut.
 * @code: a negative value, -errno or -VZR_E_*.
 */
int vzr_fail(struct vzr_error *err, int code, const char *fmt, ...) VZR_PRINTF(3, 4)
	__attribute__((cold));

/** Like vzr_fail() with -errno as the code and ": <reason>" at the end. errno must not be 0. */
int vzr_fail_errno(struct vzr_error *err, const char *fmt, ...) VZR_PRINTF(2, 3)
	__attribute__((cold));

/** Like vzr_fail() for a negative errno value @code, with ": <reason>" at the end. */
int vzr_fail_code(struct vzr_error *err, int code, const char *fmt, ...) VZR_PRINTF(3, 4)
	__attribute__((cold));

/**
 * Puts "<text>: " in front of the message in @err, once per layer; keeps code, line and column.
 * Returns @code unchanged.
 */
int vzr_wrap(struct vzr_error *err, int code, const char *fmt, ...) VZR_PRINTF(3, 4)
	__attribute__((cold));
