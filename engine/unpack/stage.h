/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One stage of the pipeline: something that fills blocks, in a thread of its own or in the
 * caller's, and the blocks it filled, in order. Memory is bounded by the number of blocks.
 */
#pragma once

#include "engine/base/error.h"

struct vzr_stage;

/**
 * Fills @block with up to @size bytes, all of them unless the end is near. *ret_len 0: the end
 * (it is not called again). Returns 0 or a negative error, which the consumer then gets.
 */
typedef int (*vzr_fill_fn)(void *data, void *block, size_t size, size_t *ret_len,
			   struct vzr_error *err);

/**
 * A stage over @fill with @n_blocks blocks of @block_size bytes. @n_blocks 1: no thread, @fill
 * runs inside vzr_stage_next(). Otherwise a thread starts at the first vzr_stage_next().
 * @data must outlive the stage. -ENOMEM.
 */
VZR_MUST_CHECK int vzr_stage_new(vzr_fill_fn fill, void *data, size_t block_size,
				 unsigned int n_blocks, struct vzr_stage **ret_stage,
				 struct vzr_error *err);

/**
 * The next block; it is the caller's until the next call. *ret_len 0: the end, for ever.
 * An error is final: it is returned again by every later call.
 */
VZR_MUST_CHECK int vzr_stage_next(struct vzr_stage *stage, const void **ret_block, size_t *ret_len,
				  struct vzr_error *err);

/** Stops the thread after the block it is filling and waits for it. Safe to call twice. */
void vzr_stage_stop(struct vzr_stage *stage);

/** Stops and frees; NULL is fine. A stage is freed before the one that it reads from. */
void vzr_stage_free(struct vzr_stage *stage);
