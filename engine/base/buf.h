/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing byte buffer with a maximum, always followed by a NUL. */
#pragma once

#include "engine/base/error.h"

#define VZR_BUF_MAX ((size_t)1 << 20) /* the maximum of a buffer that sets none */

/** Zero-initialised it is empty with a maximum of VZR_BUF_MAX; set max before the first use. */
struct vzr_buf {
	char *data;  /**< len bytes and a NUL; NULL while empty and untouched */
	size_t len;  /**< bytes, without the NUL */
	size_t size; /**< allocated */
	size_t max;  /**< most bytes it may hold; 0: VZR_BUF_MAX */
};

/** Appends @len bytes. -ENOMEM, or -VZR_E_LIMIT if the maximum would be passed. */
VZR_MUST_CHECK int vzr_buf_add(struct vzr_buf *buf, const void *data, size_t len);

/** Appends a NUL-terminated text. */
VZR_MUST_CHECK int vzr_buf_text(struct vzr_buf *buf, const char *text);

/** Appends formatted text. */
VZR_MUST_CHECK int vzr_buf_printf(struct vzr_buf *buf, const char *fmt, ...) VZR_PRINTF(2, 3);

/** Makes room for @len more bytes behind data+len; the caller then raises len itself. */
VZR_MUST_CHECK int vzr_buf_reserve(struct vzr_buf *buf, size_t len);

/** The text, "" if nothing was added. Lent. */
const char *vzr_buf_cstr(const struct vzr_buf *buf);

/** The text as the caller's own; the buffer is empty afterwards. NULL if nothing was added. */
char *vzr_buf_take(struct vzr_buf *buf);

/** Releases the memory; the struct can be used again. */
void vzr_buf_done(struct vzr_buf *buf);

#define VZR_AUTO_BUF __attribute__((cleanup(vzr_buf_done)))
