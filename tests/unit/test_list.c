/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The growing list. */
#include "engine/base/list.h"

#include "tests/unit/check.h"

static void test_texts(void **state)
{
	VZR_AUTO_TEXT_LIST struct vzr_list list = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(vzr_list_add_text(&list, "word"), 0);
		assert_int_equal(vzr_list_printf(&list, "%s %d", "number", i), 0);
	}
	assert_int_equal(list.count, 200);
	assert_string_equal(list.items[0], "word");
	assert_string_equal(list.items[199], "number 99");
}

static unsigned int freed;

static void count_free(void *item)
{
	(void)item;
	freed++;
	errno = EBADF;
}

static void test_owned(void **state)
{
	struct vzr_list list = { 0 };
	int a, b;

	(void)state;
	assert_int_equal(vzr_list_add(&list, &a), 0);
	assert_int_equal(vzr_list_add(&list, &b), 0);
	assert_ptr_equal(list.items[1], &b);
	errno = ENOENT;
	vzr_list_done(&list, count_free);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(freed, 2);
	assert_int_equal(list.count, 0);
	assert_null(list.items);
	/* Not owned: nothing is called, and a list that was released can be released again. */
	assert_int_equal(vzr_list_add(&list, &a), 0);
	vzr_list_done(&list, NULL);
	vzr_list_done(&list, NULL);
	assert_int_equal(freed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_owned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
