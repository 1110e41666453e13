/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenVZ's .listing and download.conf. */
#include "templates/internal.h"

#include "check.h"

#include "engine/base/cleanup.h"

static int parse(const char *text, struct vzr_entries *entries, struct vzr_error *err)
{
	return vzr_listing_parse(text, strlen(text), 3, entries, err);
}

static void test_listing(void **state)
{
	VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(parse("centos-6-x86_64\r\n\nfedora-core6-i386-minimal\n", &entries, &err), &err);
	assert_int_equal(entries.count, 2);
	assert_string_equal(entries.items[0].name, "centos-6-x86_64");
	assert_int_equal(entries.items[1].repository, 3);
	assert_false(entries.items[1].has_digest);
}

static void test_listing_refused(void **state)
{
	static const char *const texts[] = { "ok\n../x\n",   "ok\n/x\n",   "ok\n.listing\n",
					     "ok\na b\n",    "ok\n-rf\n",  "ok\na:b\n",
					     "ok\na$(id)\n", "ok\ncut off" };
	VZR_AUTO_FREE char *longer = calloc(1, 400);

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_error(parse(texts[i], &entries, &err), -VZR_E_INPUT, &err, "line 2");
		assert_int_equal(err.line, 2);
	}
	memset(longer, 'a', 300);
	strcat(longer, "\n");
	{
		VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_error(parse(longer, &entries, &err), -VZR_E_INPUT, &err, "not the name");
	}
}

static void expect_conf(const char *text, const char *repositories, const char *all_suffixes,
			bool unchecked)
{
	struct vzr_download_conf conf;
	struct vzr_error err = VZR_ERROR_INIT;
	char joined[2][512] = { "", "" };

	assert_ok(vzr_download_conf_parse(text, strlen(text), &conf, &err), &err);
	for (size_t i = 0; i < conf.repositories.count; i++) {
		strcat(joined[0], i ? " " : "");
		strcat(joined[0], conf.repositories.items[i]);
	}
	for (size_t i = 0; i < conf.suffixes.count; i++) {
		strcat(joined[1], i ? " " : "");
		strcat(joined[1], conf.suffixes.items[i]);
	}
	assert_string_equal(joined[0], repositories);
	assert_string_equal(joined[1], all_suffixes);
	assert_int_equal(conf.unchecked, unchecked);
	vzr_download_conf_done(&conf);
}

static void test_download_conf(void **state)
{
	(void)state;
	expect_conf("# nothing set\n", "", "", false);
	expect_conf("CHECK_TEMPLATE_SIG=no\nUPDATE_TEMPLATE=yes\n", "", "", true);
	expect_conf("TMPL_REPO_PREFIX=http://m/p/\n", "http://m/p", "", false);
	expect_conf("TMPL_REPO_PREFIX=\"http://m/p\"\n"
		    "TEMPLATE_REPOS=\"$TMPL_REPO_PREFIX ${TMPL_REPO_PREFIX}/contrib /beta/ "
		    "https://other/x\"\nTMPL_SUFFIXES=\"tar.gz tar.xz\"\n",
		    "http://m/p http://m/p/contrib http://m/p/beta https://other/x",
		    "tar.gz tar.xz", false);
	expect_conf("TEMPLATE_REPOS=\"$TMPL_REPO_PREFIX\"\n",
		    "http://download.openvz.org/template/precreated", "", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_listing_refused),
		cmocka_unit_test(test_download_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
