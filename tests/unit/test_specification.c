/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The digest of a specification: equal for equal requests, different for everything that counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/limits.h"
#include "engine/specification.h"

#include <stdlib.h>
#include <string.h>

static char text_a[] = "a", text_ab[] = "ab", text_b[] = "b", text_empty[] = "";

static void base(struct vzr_domain *d)
{
	memset(d, 0, sizeof(*d));
	d->type = text_a;
	d->name = text_a;
	d->root.type = VZR_ROOT_TEMPLATE;
	d->root.source = text_ab;
	d->vm = (struct vzr_limits)VZR_LIMITS_NONE;
}

static void assert_digest(const struct vzr_domain *a, const struct vzr_domain *b,
			  const struct vzr_request *ra, const struct vzr_request *rb, bool equal)
{
	char *x = vzr_specification_digest(a, ra), *y = vzr_specification_digest(b, rb);

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(strncmp(x, "sha256:", 7), 0);
	assert_int_equal(strcmp(x, y) == 0, equal);
	free(x);
	free(y);
}

static void test_every_field_counts(void **state)
{
	const struct vzr_request none = { .size = sizeof(none) };
	struct vzr_owner_limits user = { .name = text_a, .limits = VZR_LIMITS_NONE };
	struct vzr_domain a, b;

	(void)state;
	base(&a);
	base(&b);
	assert_digest(&a, &b, &none, &none, true);
#define CHANGE(statement)                                                                          \
	do {                                                                                       \
		base(&b);                                                                          \
		statement;                                                                         \
		assert_digest(&a, &b, &none, &none, false);                                        \
	} while (0)
	CHANGE(b.name = text_b);
	CHANGE(b.hostname = text_a);
	CHANGE(b.root.source = text_a);
	CHANGE(b.vm.block_hard_kib = 1);
	CHANGE(b.vm.grace_s = 0);
	CHANGE(b.memory_kib = 1);
	CHANGE(b.vcpus = 1);
	CHANGE(b.onboot = true);
	CHANGE((b.users = &user, b.n_users = 1));
	CHANGE((b.groups = &user, b.n_groups = 1));
#undef CHANGE
}

static void test_request_counts(void **state)
{
	const struct vzr_request none = { .size = sizeof(none) };
	const struct vzr_request quota = { .size = sizeof(quota), .quota = "none" };
	const struct vzr_request fast = { .size = sizeof(fast), .no_sync = true };
	struct vzr_domain d;

	(void)state;
	base(&d);
	assert_digest(&d, &d, &none, &quota, false);
	/* Durability is how, not what. */
	assert_digest(&d, &d, &none, &fast, true);
}

/* An absent text is not an empty one. */
static void test_absent_is_not_empty(void **state)
{
	const struct vzr_request none = { .size = sizeof(none) };
	struct vzr_domain a, b;

	(void)state;
	base(&a);
	base(&b);
	b.hostname = text_empty;
	assert_digest(&a, &b, &none, &none, false);
}

static void test_hostname(void **state)
{
	struct vzr_domain d;
	char web[] = "web1", number[] = "101";

	(void)state;
	base(&d);
	d.name = number;
	assert_null(vzr_domain_hostname(&d));
	d.name = web;
	assert_string_equal(vzr_domain_hostname(&d), "web1");
	d.hostname = text_a;
	assert_string_equal(vzr_domain_hostname(&d), "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_counts),
		cmocka_unit_test(test_request_counts),
		cmocka_unit_test(test_absent_is_not_empty),
		cmocka_unit_test(test_hostname),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
