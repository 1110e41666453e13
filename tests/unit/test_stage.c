/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stages of the pipeline: order, end, errors and early stops, with and without a thread. */
#include "engine/unpack/stage.h"

#include "engine/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 64

struct counter {
	unsigned int next;
	unsigned int last;  /* the end comes after so many blocks */
	unsigned int break_at; /* an error instead of block number so; 0: never */
};

static int count(void *data, void *block, size_t size, size_t *ret_len, struct vzr_error *err)
{
	struct counter *counter = data;

	assert_int_equal(size, SIZE);
	if (counter->break_at && counter->next == counter->break_at)
		return vzr_fail(err, -VZR_E_ARCHIVE, "broken at %u", counter->next);
	*ret_len = counter->next < counter->last ? SIZE : 0;
	memset(block, (int)(counter->next++ & 0xff), *ret_len);
	return 0;
}

/* A stage over another one: takes its blocks over. */
static int copy(void *data, void *block, size_t size, size_t *ret_len, struct vzr_error *err)
{
	const void *from = NULL;
	int r = vzr_stage_next(data, &from, ret_len, err);

	assert_true(*ret_len <= size);
	if (r == 0 && *ret_len)
		memcpy(block, from, *ret_len);
	return r;
}

static void check_order(unsigned int n_blocks)
{
	struct counter counter = { .last = 1000 };
	struct vzr_stage *first = NULL, *second = NULL;
	struct vzr_error err = VZR_ERROR_INIT;
	const unsigned char *block = NULL;
	size_t len = 0;

	assert_int_equal(vzr_stage_new(count, &counter, SIZE, n_blocks, &first, &err), 0);
	assert_int_equal(vzr_stage_new(copy, first, SIZE, n_blocks, &second, &err), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(vzr_stage_next(second, (const void **)&block, &len, &err), 0);
		assert_int_equal(len, SIZE);
		assert_int_equal(block[0], i & 0xff);
		assert_int_equal(block[SIZE - 1], i & 0xff);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vzr_stage_next(second, (const void **)&block, &len, &err), 0);
		assert_int_equal(len, 0);
	}
	vzr_stage_free(second);
	vzr_stage_free(first);
}

static void test_order(void **state)
{
	(void)state;
	check_order(1);
	check_order(2);
	check_order(8);
}

static void test_errors_come_in_their_place_and_stay(void **state)
{
	static const unsigned int sizes[] = { 1, 2, 5 };

	(void)state;
	for (size_t s = 0; s < VZR_COUNT(sizes); s++) {
		struct counter counter = { .last = 100, .break_at = 7 };
		struct vzr_stage *stage = NULL;
		struct vzr_error err = VZR_ERROR_INIT;
		const void *block = NULL;
		size_t len = 0;

		assert_int_equal(vzr_stage_new(count, &counter, SIZE, sizes[s], &stage, &err), 0);
		for (int i = 0; i < 7; i++)
			assert_int_equal(vzr_stage_next(stage, &block, &len, &err), 0);
		for (int i = 0; i < 2; i++) {
			err = (struct vzr_error)VZR_ERROR_INIT;
			assert_int_equal(vzr_stage_next(stage, &block, &len, &err),
					 -VZR_E_ARCHIVE);
			assert_string_equal(err.msg, "broken at 7");
		}
		vzr_stage_free(stage);
	}
}

/* A consumer that gives up leaves no thread behind, and the stage below goes on working. */
static void test_early_stop(void **state)
{
	struct counter counter = { .last = 100000 };
	struct vzr_stage *first = NULL, *second = NULL;
	struct vzr_error err = VZR_ERROR_INIT;
	const void *block = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(vzr_stage_new(count, &counter, SIZE, 4, &first, &err), 0);
	assert_int_equal(vzr_stage_new(copy, first, SIZE, 4, &second, &err), 0);
	assert_int_equal(vzr_stage_next(second, &block, &len, &err), 0);
	vzr_stage_stop(second);
	vzr_stage_stop(second);
	assert_int_equal(vzr_stage_next(first, &block, &len, &err), 0);
	assert_int_equal(len, SIZE);
	vzr_stage_free(second);
	vzr_stage_free(first);
	vzr_stage_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_errors_come_in_their_place_and_stay),
		cmocka_unit_test(test_early_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
