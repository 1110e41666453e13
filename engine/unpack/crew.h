/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writers. The parser makes every name, in the order of the archive, so that replacing and linking
 * need no thought of threads; content, attributes and times of files, which is most of the work,
 * are put in by a crew of threads. All pieces of one file go to one thread. What the parser may run
 * ahead is bounded: VZR_CREW_PIECES buffers, VZR_CREW_FILES files.
 *
 * One thread, the parser's, calls all of these functions.
 */
#pragma once

#include "engine/unpack/member.h"

#define VZR_CREW_MAX 16
#define VZR_CREW_FILES 48
#define VZR_CREW_PIECES 32
#define VZR_CREW_PIECE ((size_t)128 << 10)

struct vzr_crew;

/** A crew of @writers threads (at most VZR_CREW_MAX), started by the first file. */
VZR_MUST_CHECK int vzr_crew_new(unsigned int writers, struct vzr_left_out *left_out,
				struct vzr_crew **ret_crew, struct vzr_error *err);

/** Ends the threads and closes what they have. */
void vzr_crew_free(struct vzr_crew *crew);

/**
 * A new file @fd (taken over, on failure too) begins; @name is for messages. Fails with the error
 * of an earlier file if one failed meanwhile: as vzr_crew_drain().
 */
VZR_MUST_CHECK int vzr_crew_begin(struct vzr_crew *crew, int fd, const char *name,
				  struct vzr_error *err);

/** Bytes of that file. Copied; may wait for a buffer. */
void vzr_crew_data(struct vzr_crew *crew, const void *data, size_t len, uint64_t offset);

/** The file is complete: takes *@member and leaves an empty one in its place. */
void vzr_crew_end(struct vzr_crew *crew, struct vzr_member **member);

/**
 * Waits until all files that were ended are finished; one that was begun only is dropped. 0, or
 * the error of the first one, in the order of begin, that failed; the message names it.
 */
VZR_MUST_CHECK int vzr_crew_drain(struct vzr_crew *crew, struct vzr_error *err);
