/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of one archive: read and hash | decompress | parse and hand to a sink. In one process;
 * unpack.c runs it in a confined child.
 */
#pragma once

#include "engine/unpack/unpack.h"

struct vzr_walk;

/**
 * Sets everything up that a confined process could not: hashes, locale, parser. Reads nothing and
 * starts no thread. @job is borrowed. @threads: reading and decompression in threads of their own.
 */
VZR_MUST_CHECK int vzr_walk_new(const struct vzr_unpack_job *job, bool threads,
				struct vzr_walk **ret_walk, struct vzr_error *err);
void vzr_walk_free(struct vzr_walk *walk);

/** Walks the archive from begin to end, once. As vzr_unpack(). */
VZR_MUST_CHECK int vzr_walk_run(struct vzr_walk *walk, struct vzr_unpack_result *ret_result,
				struct vzr_error *err);
