/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the child tells the parent, over a pipe: events, and at its end a result or an error. The
 * parent believes nothing: lengths are bounded, texts are terminated and escaped anew.
 */
#pragma once

#include "engine/unpack/unpack.h"

/** The child's side: an event function that writes frames. data: int * of the descriptor. */
void vzr_frame_event(void *data, const struct vzr_event *event);

/** Writes the result (@code 0) or the error. 0 or -errno. */
VZR_MUST_CHECK int vzr_frame_end(int fd, int code, const struct vzr_unpack_result *result,
				 const struct vzr_error *err);

/** The parent's side. */
struct vzr_frame_reader {
	struct vzr_context *ctx; /**< gets the events */
	unsigned char data[8192];
	size_t len;
	bool ended; /**< a result or an error has come */
	int code;   /**< 0: result is valid; negative: error is */
	struct vzr_unpack_result result;
	struct vzr_error error;
};

/**
 * Reads what there is (blocks if there is nothing) and handles whole frames. 1: more may come,
 * 0: the end of the pipe, or -VZR_E_FAILED / -errno.
 */
VZR_MUST_CHECK int vzr_frame_read(struct vzr_frame_reader *reader, int fd, struct vzr_error *err);
