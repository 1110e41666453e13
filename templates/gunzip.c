/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Indexes that are published compressed, inflated within a bound. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW (16 + MAX_WBITS) /* a gzip header, and its check sum at the end */
#define STEP ((size_t)64 << 10)

/* Inflates all of @stream into @buf. */
static int inflate_all(z_stream *stream, struct vzr_buf *buf)
{
	int code = Z_OK;

	while (code == Z_OK) {
		unsigned char block[STEP];
		int r;

		stream->next_out = block;
		stream->avail_out = sizeof(block);
		code = inflate(stream, Z_NO_FLUSH);
		if (code != Z_OK && code != Z_STREAM_END)
			return -VZR_E_INPUT;
		if (code == Z_OK && stream->avail_out == sizeof(block))
			return -VZR_E_INPUT;
		r = vzr_buf_add(buf, block, sizeof(block) - stream->avail_out);
		if (r < 0)
			return r;
	}
	return stream->avail_in == 0 ? 0 : -VZR_E_INPUT;
}

int vzr_gunzip(const struct vzr_buf *packed, struct vzr_buf *buf, struct vzr_error *err)
{
	z_stream stream = {.next_in = (unsigned char *)packed->data,
			   .avail_in = (unsigned int)packed->len};
	int r;

	if (packed->len > UINT32_MAX || inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return vzr_fail_code(err, -ENOMEM, "cannot decompress");
	r = inflate_all(&stream, buf);
	inflateEnd(&stream);
	if (r == -VZR_E_INPUT)
		return vzr_fail(err, r, "its gzip data is damaged or cut off");
	if (r == -VZR_E_LIMIT)
		return vzr_fail(err, r, "it unpacks to more than %zu bytes", buf->max);
	return r < 0 ? vzr_fail_code(err, r, "cannot decompress") : 0;
}
