/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring of blocks between one producer and one consumer. */
#include "engine/unpack/stage.h"

#include "engine/base/cleanup.h"

#include <pthread.h>

#define STACK_SIZE (512u << 10) /* decoders keep their state on the heap */

struct block {
	unsigned char *data;
	size_t len;
};

struct vzr_stage {
	vzr_fill_fn fill;
	void *data;
	size_t block_size;
	unsigned int n_blocks;
	struct block *blocks;

	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock. Blocks [taken, filled) wait for the consumer, modulo n_blocks. */
	uint64_t filled;
	uint64_t taken;
	bool ended; /* nothing comes after @filled: the end, or @error */
	bool stop;
	struct vzr_error error;

	bool lent; /* the consumer holds block number taken - 1 */
};

int vzr_stage_new(vzr_fill_fn fill, void *data, size_t block_size, unsigned int n_blocks,
		  struct vzr_stage **ret_stage, struct vzr_error *err)
{
	struct vzr_stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	stage->fill = fill;
	stage->data = data;
	stage->block_size = block_size;
	stage->n_blocks = n_blocks;
	pthread_mutex_init(&stage->lock, NULL);
	pthread_cond_init(&stage->changed, NULL);
	stage->blocks = calloc(n_blocks, sizeof(*stage->blocks));
	for (unsigned int i = 0; stage->blocks && i < n_blocks; i++) {
		stage->blocks[i].data = malloc(block_size);
		if (!stage->blocks[i].data)
			goto undo;
	}
	if (stage->blocks) {
		*ret_stage = stage;
		return 0;
	}
undo:
	vzr_stage_free(stage);
	return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
}

/* Waits for a block that neither waits to be taken nor is lent. False: stop. */
static bool wait_for_room(struct vzr_stage *stage)
{
	bool stop;

	pthread_mutex_lock(&stage->lock);
	while (!stage->stop &&
	       stage->filled - stage->taken + (stage->lent ? 1 : 0) >= stage->n_blocks)
		pthread_cond_wait(&stage->changed, &stage->lock);
	stop = stage->stop;
	pthread_mutex_unlock(&stage->lock);
	return !stop;
}

static void *run(void *arg)
{
	struct vzr_stage *stage = arg;
	bool more = true;

	while (more && wait_for_room(stage)) {
		/* Only this thread moves @filled, so it may be read without the lock. */
		struct block *block = &stage->blocks[stage->filled % stage->n_blocks];
		struct vzr_error error = VZR_ERROR_INIT;
		int r = stage->fill(stage->data, block->data, stage->block_size, &block->len,
				    &error);

		pthread_mutex_lock(&stage->lock);
		more = r == 0 && block->len > 0;
		if (more)
			stage->filled++;
		if (r < 0) {
			stage->error = error;
			stage->error.code = r;
		}
		stage->ended = !more;
		pthread_cond_signal(&stage->changed);
		pthread_mutex_unlock(&stage->lock);
	}
	return NULL;
}

static int start(struct vzr_stage *stage, struct vzr_error *err)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&stage->thread, &attr, run, stage);
	pthread_attr_destroy(&attr);
	if (r > 0)
		return vzr_fail_code(err, -r, "cannot start a thread");
	stage->started = true;
	return 0;
}

/* The consumer's side of a stage without a thread. */
static int next_inline(struct vzr_stage *stage, const void **ret_block, size_t *ret_len,
		       struct vzr_error *err)
{
	struct block *block = &stage->blocks[0];

	block->len = 0;
	if (!stage->ended) {
		int r = stage->fill(stage->data, block->data, stage->block_size, &block->len,
				    &stage->error);

		stage->ended = r < 0 || block->len == 0;
		if (r < 0)
			stage->error.code = r;
	}
	if (stage->error.code < 0) {
		if (err)
			*err = stage->error;
		return stage->error.code;
	}
	*ret_block = block->data;
	*ret_len = block->len;
	return 0;
}

int vzr_stage_next(struct vzr_stage *stage, const void **ret_block, size_t *ret_len,
		   struct vzr_error *err)
{
	int r = 0;

	if (stage->n_blocks == 1)
		return next_inline(stage, ret_block, ret_len, err);
	if (!stage->started && !stage->stop) {
		r = start(stage, err);
		if (r < 0)
			return r;
	}
	pthread_mutex_lock(&stage->lock);
	if (stage->lent) {
		stage->lent = false;
		pthread_cond_signal(&stage->changed);
	}
	while (stage->taken == stage->filled && !stage->ended && !stage->stop)
		pthread_cond_wait(&stage->changed, &stage->lock);
	*ret_len = 0;
	if (stage->taken < stage->filled) {
		const struct block *block = &stage->blocks[stage->taken % stage->n_blocks];

		*ret_block = block->data;
		*ret_len = block->len;
		stage->taken++;
		stage->lent = true;
	} else if (stage->error.code < 0) {
		r = stage->error.code;
		if (err)
			*err = stage->error;
	} else if (stage->stop) {
		r = vzr_fail(err, -VZR_E_CANCELLED, "the unpacking was stopped");
	}
	pthread_mutex_unlock(&stage->lock);
	return r;
}

void vzr_stage_stop(struct vzr_stage *stage)
{
	if (!stage->started)
		return;
	pthread_mutex_lock(&stage->lock);
	stage->stop = true;
	pthread_cond_broadcast(&stage->changed);
	pthread_mutex_unlock(&stage->lock);
	pthread_join(stage->thread, NULL);
	stage->started = false;
	stage->ended = true;
}

void vzr_stage_free(struct vzr_stage *stage)
{
	if (!stage)
		return;
	vzr_stage_stop(stage);
	for (unsigned int i = 0; stage->blocks && i < stage->n_blocks; i++)
		free(stage->blocks[i].data);
	free(stage->blocks);
	pthread_cond_destroy(&stage->changed);
	pthread_mutex_destroy(&stage->lock);
	free(stage);
}
