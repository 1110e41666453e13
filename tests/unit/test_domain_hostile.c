/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents made to burn time or memory: all end quickly and in bounded memory. */
#include "check.h"

#include "engine/base/buf.h"
#include "engine/base/time.h"

#include <sys/resource.h>

/* A sanitizer's shadow memory says nothing of ours. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

#define LIMIT 1048576u
#define SECONDS 5u /* far above what is needed under sanitizers, far below what an attack takes */

static struct vzr_buf text;

static int setup(void **state)
{
	(void)state;
	vzr_buf_done(&text);
	text.max = 4 * LIMIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vzr_buf_done(&text);
	return 0;
}

static void put(const char *part)
{
	assert_int_equal(vzr_buf_text(&text, part), 0);
}

/* Loads the text; returns the code. */
static int load(struct vzr_error *err, struct vzr_domain **ret_domain)
{
	uint64_t start = vzr_monotonic_us();
	int r = vzr_domain_load("d", text.data, text.len, ret_domain, err);

	assert_true(vzr_monotonic_us() - start < SECONDS * 1000000u);
	return r;
}

static void refused(int code, const char *says)
{
	struct vzr_error err = { 0 };
	struct vzr_domain *domain;

	assert_error(load(&err, &domain), code, &err, says);
}

static void test_entity_bomb(void **state)
{
	(void)state;
	put("<?xml version='1.0'?>\n<!DOCTYPE d [<!ENTITY a0 'lol'>");
	for (unsigned int i = 1; i < 12; i++)
		assert_int_equal(vzr_buf_printf(&text,
						"<!ENTITY a%u '&a%u;&a%u;&a%u;&a%u;&a%u;&a%u;&a%u;"
						"&a%u;&a%u;&a%u;'>",
						i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
						i - 1, i - 1, i - 1),
				 0);
	put("]><domain type='openvz'><name>&a11;</name></domain>");
	refused(-VZR_E_ILL_FORMED, "d:2:1: a DOCTYPE is not accepted");
}

/* libxml2 expands these in the internal subset already: 1 KiB takes more than 30 s. */
static void test_parameter_entities(void **state)
{
	(void)state;
	put("<!DOCTYPE d [<!ENTITY % p0 '&#37;p1;&#37;p1;'>");
	for (unsigned int i = 1; i < 40; i++)
		assert_int_equal(vzr_buf_printf(&text,
						"<!ENTITY %% p%u '&#37;p%u;&#37;p%u;&#37;p%u;'>", i,
						i + 1, i + 1, i + 1),
				 0);
	put("<!ENTITY % p40 ''>%p0;]><domain/>");
	refused(-VZR_E_ILL_FORMED, "a DOCTYPE is not accepted");
}

static void test_attributes(void **state)
{
	(void)state;
	put("<domain type='openvz'");
	for (unsigned int i = 0; text.len < LIMIT - 64; i++)
		assert_int_equal(vzr_buf_printf(&text, " a%x=''", i), 0);
	put("/>");
	refused(-VZR_E_ILL_FORMED, "more than 256 attributes in one tag");
}

/* libxml2 reads on after an error, and compares attributes all the same. */
static void test_attributes_behind_error(void **state)
{
	(void)state;
	put("<domain></x><a b=\"x<");
	for (unsigned int i = 0; text.len < LIMIT - 64; i++)
		assert_int_equal(vzr_buf_printf(&text, " a%x=''", i), 0);
	refused(-VZR_E_ILL_FORMED, "more than 256 attributes in one tag");
}

static void test_namespaces(void **state)
{
	(void)state;
	put("<domain type='openvz'>");
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(vzr_buf_printf(&text, "<a xmlns:n%u='u'>", i), 0);
	refused(-VZR_E_ILL_FORMED, "more than 256 namespaces");
}

static void test_deep(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 300; i++)
		put("<a>");
	refused(-VZR_E_ILL_FORMED, "nested deeper than 256 levels");
}

static void test_tags_only(void **state)
{
	(void)state;
	while (text.len < LIMIT - 3)
		put("<a>");
	refused(-VZR_E_ILL_FORMED, "more than 131072 tags");
}

static void test_large(void **state)
{
	(void)state;
	put("<domain type='openvz'>");
	while (text.len <= LIMIT)
		put("                                                                ");
	refused(-VZR_E_ILL_FORMED, "larger than 1024 KiB");
}

static void test_huge_text(void **state)
{
	(void)state;
	put("<domain type='openvz'><name>");
	while (text.len < LIMIT - 100)
		put("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "a");
	put("</name></domain>");
	refused(-VZR_E_INPUT, "name is longer than 200 bytes");
}

static void test_errors_all_over(void **state)
{
	(void)state;
	put("<domain>");
	while (text.len < LIMIT - 8)
		put("&x;");
	refused(-VZR_E_ILL_FORMED, "an entity is not accepted");
}

/* Many elements are no attack as such, and many warnings are counted rather than kept. */
static void test_many_elements(void **state)
{
	struct vzr_error err = { 0 };
	struct vzr_domain *domain;

	(void)state;
	put("<domain type='openvz'><name>101</name><filesystem><template>a</template>");
	for (unsigned int i = 0; text.len < LIMIT - 128; i++)
		assert_int_equal(vzr_buf_printf(&text,
						"<quote level='user' username='u%u'>9</quote>", i),
				 0);
	put("</filesystem></domain>");
	assert_ok(load(&err, &domain), &err);
	assert_true(domain->n_users > 20000);
	assert_true(domain->n_warnings < 100);
	assert_non_null(strstr(domain->warnings[domain->n_warnings - 1], "more warnings are left"));
	vzr_domain_free(domain);
}

#ifndef SANITIZED
static void test_memory(void **state)
{
	struct rusage usage;

	(void)state;
	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	assert_true(usage.ru_maxrss < 64 * 1024);
}
#endif

#define HOSTILE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE(test_entity_bomb),   HOSTILE(test_parameter_entities),
		HOSTILE(test_attributes),    HOSTILE(test_attributes_behind_error),
		HOSTILE(test_namespaces),    HOSTILE(test_deep),
		HOSTILE(test_tags_only),     HOSTILE(test_large),
		HOSTILE(test_huge_text),     HOSTILE(test_errors_all_over),
		HOSTILE(test_many_elements),
#ifndef SANITIZED
		HOSTILE(test_memory), /* the peak of all of them: stays last */
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
