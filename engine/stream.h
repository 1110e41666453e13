/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A template that is unpacked while it is being downloaded: the bytes that the cache writes, counts
 * and hashes go to an unpacking as well, in the same order. The unpacking is what admission would
 * be, so that nothing is read twice. Bytes that turn out to be for nothing (a mirror that broke off
 * or was wrong) end it; what the cache has in the end is then unpacked as usual.
 */
#pragma once

#include "cache/store.h"
#include "engine/unpack/unpack.h"

/** One such unpacking. Zero-initialised it is none. */
struct vzr_stream {
	struct vzr_unpacking *unpacking; /**< NULL: not begun, ended or given up */
	uint64_t fed_bytes;		 /**< handed over so far */
	bool whole;			 /**< it has ended well; result is valid */
	struct vzr_unpack_result result;
	struct vzr_error failure; /**< code < 0: it has failed for a reason of its own place */
};

/** Begins. What @job points at must outlive the stream. */
VZR_MUST_CHECK int vzr_stream_begin(struct vzr_stream *stream, const struct vzr_unpack_job *job,
				    struct vzr_error *err);

/** The members add and restart of a struct vzr_tap; @data: struct vzr_stream **, may lead to NULL.
 */
int vzr_stream_add(void *data, const void *bytes, size_t len, struct vzr_error *err);
void vzr_stream_restart(void *data);

/**
 * All @size_bytes of the archive are there: waits for the end of the unpacking. 1: it is whole;
 * 0: it says nothing of the archive, since it did not get all bytes (@stream may be NULL) or has
 * failed for want of room, say; negative: the archive is damaged, refused or not the right one.
 */
VZR_MUST_CHECK int vzr_stream_end(struct vzr_stream *stream, uint64_t size_bytes,
				  struct vzr_error *err);

/** Stops what is still going on. */
void vzr_stream_stop(struct vzr_stream *stream);
