/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where checked members go: into a tree, or nowhere (measuring). The walker knows nothing of what
 * is behind it, so that more writers can stand there.
 */
#pragma once

#include "engine/unpack/tally.h"

/** A receiver of members, in the order of the archive. Messages come without the member's name. */
struct vzr_sink {
	const struct vzr_sink_ops *ops;
	struct vzr_tally *tally;
	struct vzr_left_out *left_out;
	bool named; /**< the error just returned is that of an earlier member and names it */
};

struct vzr_sink_ops {
	/** A member begins. It is lent until end() returns. */
	int (*begin)(struct vzr_sink *, const struct vzr_member *, struct vzr_error *);
	/** So many bytes of the file's content at an offset; ascending, holes left out. */
	int (*data)(struct vzr_sink *, const void *, size_t, uint64_t, struct vzr_error *);
	/**
	 * The member is complete. Called for files only. The sink may keep *@member, the one that
	 * began, and leave another (to be reset by the caller) in its place.
	 */
	int (*end)(struct vzr_sink *sink, struct vzr_member **member, struct vzr_error *err);
	/**
	 * Waits until nothing is under way any more. An error is that of the first member, in the
	 * order of the archive, that failed after it was handed over; the message names it.
	 */
	int (*drain)(struct vzr_sink *sink, struct vzr_error *err);
	/** The archive is complete: what has to wait for all members. Names the member itself. */
	int (*finish)(struct vzr_sink *sink, struct vzr_error *err);
	void (*free)(struct vzr_sink *sink);
};

/** A sink that makes nothing and counts what a tree would take. */
VZR_MUST_CHECK int vzr_measure_new(struct vzr_tally *tally, struct vzr_left_out *left_out,
				   struct vzr_sink **ret_sink, struct vzr_error *err);

/**
 * A sink that makes the members below @tree_fd (borrowed), an empty directory. With more than one
 * of @writers as many threads write files, started when the first file comes; 1: none is.
 */
VZR_MUST_CHECK int vzr_tree_new(int tree_fd, unsigned int writers, struct vzr_tally *tally,
				struct vzr_left_out *left_out, struct vzr_sink **ret_sink,
				struct vzr_error *err);
