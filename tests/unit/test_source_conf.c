/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source files: what they may say, and the line of what they may not. */
#include "templates/internal.h"

#include "check.h"

#include "engine/base/cleanup.h"

#define FPR "D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81"

static int parse(const char *text, struct vzr_source_conf *conf, struct vzr_error *err)
{
	return vzr_source_conf_parse("x", "/etc/x.conf", text, strlen(text), conf, err);
}

static void test_whole(void **state)
{
	VZR_AUTO_SOURCE_CONF struct vzr_source_conf conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(parse("# comment\nkind=\"directory\"\nurl=\"https://a/b/ http://c\"\n"
			"enabled=\"no\"\npriority=7\ntrust=\"signature\"\nkeyring=\"k.asc\"\n"
			"fingerprints=\"d2eb44626fddc30b513d5bb71a5d6c4c7db87c81\"\n"
			"weak_digests=\"yes\"\nallow_rollback=\"yes\"\narch_names=\"alpine\"\n"
			"suffixes=\"tar.xz tar.gz\"\n",
			&conf, &err),
		  &err);
	assert_string_equal(conf.kind, "directory");
	assert_int_equal(conf.urls.count, 2);
	assert_string_equal(conf.urls.items[0], "https://a/b");
	assert_string_equal(conf.urls.items[1], "http://c");
	assert_false(conf.enabled);
	assert_int_equal(conf.priority, 7);
	assert_int_equal(conf.trust, VZR_TRUST_SIGNATURE);
	assert_string_equal(conf.fingerprints.items[0], FPR);
	assert_true(conf.weak_digests && conf.allow_rollback);
	assert_int_equal(conf.arch_names, VZR_ARCH_ALPINE);
	assert_int_equal(conf.suffixes.count, 2);
}

static void test_defaults(void **state)
{
	VZR_AUTO_SOURCE_CONF struct vzr_source_conf conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(parse("kind=openvz\nurl=http://a\n", &conf, &err), &err);
	assert_true(conf.enabled);
	assert_int_equal(conf.trust, VZR_TRUST_SIGNATURE);
	assert_int_equal(conf.priority, 50);
	assert_false(conf.weak_digests || conf.allow_rollback || conf.download_conf);
	assert_int_equal(conf.arch_names, VZR_ARCH_OPENVZ);
	assert_string_equal(conf.suffixes.items[0], "tar.gz");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *message;
	} rows[] = {
		{ "kind=directory\n", 1, "url= is missing" },
		{ "url=http://a\n", 1, "kind= is missing: one of openvz-cache" },
		{ "# c\nkind=torrent\n", 2, "there is no kind 'torrent'" },
		{ "kind=directory\nurl=http://a\ncolour=red\n", 3, "no key 'colour'" },
		{ "kind=directory\nurl=ftp://a\n", 2, "not an http, https or file URL" },
		{ "kind=directory\nurl=http://u:p@a\n", 2, "netrc" },
		{ "kind=directory\nurl=http://a?x\n", 2, "'?'" },
		{ "kind=directory\nurl=http://a\ntrust=blind\n", 3, "not one of signature" },
		{ "kind=directory\nurl=http://a\ntrust=tls\n", 3, "needs https" },
		{ "kind=directory\nurl=file:///a\ntrust=tls\n", 3, "needs https" },
		{ "kind=openvz\nurl=https://a\ntrust=checksum\n", 3, "not for kind openvz" },
		{ "kind=directory\nurl=http://a\nkeyring=a/b\n", 3, "keyring" },
		{ "kind=directory\nurl=http://a\nkeyring=/a/../b\n", 3, "keyring" },
		{ "kind=directory\nurl=http://a\nfingerprints=7DB87C81\n", 3, "40 or 64" },
		{ "kind=directory\nurl=http://a\nenabled=maybe\n", 3, "neither yes nor no" },
		{ "kind=directory\nurl=http://a\npriority=100\n", 3, "from 0 to 99" },
		{ "kind=directory\nurl=http://a\nurl=http://b\n", 3, "twice" },
		{ "kind=directory\nurl=http://a\nsuffixes=../x\n", 3, "suffixes" },
		{ "kind=directory\nurl=http://a\narch_names=pdp11\n", 3, "not one of debian" },
		{ "kind=directory\nurl=\"http://a\n", 2, "not closed" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_SOURCE_CONF struct vzr_source_conf conf = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;
		int r = parse(rows[i].text, &conf, &err);

		assert_error(r, -VZR_E_CONFIG, &err, rows[i].message);
		assert_non_null(strstr(err.msg, "/etc/x.conf"));
		assert_int_equal(err.line, rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
