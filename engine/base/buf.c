/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing byte buffer with a maximum. */
#include "engine/base/buf.h"

#include "engine/base/cleanup.h"

#include <string.h>

int vzr_buf_reserve(struct vzr_buf *buf, size_t len)
{
	size_t max = buf->max ? buf->max : VZR_BUF_MAX;
	size_t need, size;
	char *data;

	if (len > max || buf->len > max - len)
		return -VZR_E_LIMIT;
	need = buf->len + len + 1;
	if (need <= buf->size)
		return 0;
	size = buf->size ? buf->size : 128;
	while (size < need)
		size *= 2;
	data = realloc(buf->data, size);
	if (!data)
		return -ENOMEM;
	buf->data = data;
	buf->size = size;
	buf->data[buf->len] = '\0';
	return 0;
}

int vzr_buf_add(struct vzr_buf *buf, const void *data, size_t len)
{
	int r = vzr_buf_reserve(buf, len);

	if (r < 0)
		return r;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int vzr_buf_text(struct vzr_buf *buf, const char *text)
{
	return vzr_buf_add(buf, text, strlen(text));
}

int vzr_buf_printf(struct vzr_buf *buf, const char *fmt, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	r = vzr_buf_reserve(buf, (size_t)n);
	if (r < 0)
		return r;
	va_start(ap, fmt);
	vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)n;
	return 0;
}

const char *vzr_buf_cstr(const struct vzr_buf *buf)
{
	return buf->data ? buf->data : "";
}

char *vzr_buf_take(struct vzr_buf *buf)
{
	char *data = buf->data;

	buf->data = NULL;
	buf->len = buf->size = 0;
	return data;
}

void vzr_buf_done(struct vzr_buf *buf)
{
	vzr_freep(&buf->data);
	buf->data = NULL;
	buf->len = buf->size = 0;
}
