/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between a download and an unpacking. */
#include "engine/stream.h"

#include "engine/base/cleanup.h"

int vzr_stream_begin(struct vzr_stream *stream, const struct vzr_unpack_job *job,
		     struct vzr_error *err)
{
	*stream = (struct vzr_stream){0};
	return vzr_unpack_start(job, &stream->unpacking, err);
}

int vzr_stream_add(void *data, const void *bytes, size_t len, struct vzr_error *err)
{
	struct vzr_stream *stream = *(struct vzr_stream **)data;

	if (!stream || !stream->unpacking)
		return 0;
	stream->fed_bytes += len;
	return vzr_unpack_feed(stream->unpacking, bytes, len, err);
}

void vzr_stream_restart(void *data)
{
	struct vzr_stream *stream = *(struct vzr_stream **)data;

	if (stream)
		vzr_stream_stop(stream);
}

int vzr_stream_end(struct vzr_stream *stream, uint64_t size_bytes, struct vzr_error *err)
{
	struct vzr_error why = VZR_ERROR_INIT;
	int r;

	if (!stream || !stream->unpacking || stream->fed_bytes != size_bytes)
		return 0;
	r = vzr_unpack_finish(vzr_take_ptr(stream->unpacking), &stream->result, &why);
	stream->whole = r == 0;
	if (r == -VZR_E_ARCHIVE || r == -VZR_E_REFUSED || r == -VZR_E_DIGEST ||
	    r == -VZR_E_CANCELLED) {
		if (err)
			*err = why;
		return r;
	}
	stream->failure = why;
	stream->failure.code = r;
	return stream->whole;
}

void vzr_stream_stop(struct vzr_stream *stream)
{
	vzr_unpack_abort(vzr_take_ptr(stream->unpacking));
}
