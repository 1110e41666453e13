/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Appliance indexes: records, names, and what is refused of them. */
#include "templates/internal.h"

#include "check.h"

#include "engine/base/cleanup.h"
#include "engine/base/list.h"

#define DIGEST                                                             \
	"4c0c27ca6ceab5ef0b84db57825a00f26157ef1854bafe97297813e1cbe8ecb8" \
	"cc9c453cab6b3b0efe1ba193a50c47ece1e41d950e411b8730b835b71e9e754b"
#define RECORD(package, version, location)                                                    \
	"Package: " package "\nVersion: " version "\nType: lxc\nOS: x\nArchitecture: amd64\n" \
	"Location: " location "\nsha512sum: " DIGEST "\nDescription: a\n b: c\n\n"

static int parse(const char *text, size_t len, struct vzr_entries *entries, struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list suffixes = {0};

	assert_int_equal(vzr_split_blanks("tar.zst tar.gz", &suffixes), 0);
	return vzr_aplinfo_parse("aplinfo.dat", text, len, &suffixes, entries, err);
}

static void names(void **state)
{
	static const char text[] = RECORD("debian-13-standard", "13.1-2",
					  "system/debian-13-standard_13.1-2_amd64.tar.zst")
		RECORD("debian-13-standard", "13.10-1",
		       "system/debian-13-standard_13.10-1_amd64.tar.zst")
			RECORD("wordpress", "18.0-1", "turnkey/wordpress_18.0-1_amd64.tar.gz")
				RECORD("image", "1",
				       "system/image.qcow2") "Package: pve-web-news\nDescription: "
							     "News\n  <b>x</b>\n";
	static const char *const wanted[] = {"debian-13-amd64-standard",
					     "debian-13-standard_13.1-2_amd64",
					     "debian-13-standard_13.10-1_amd64", "wordpress-amd64",
					     "wordpress_18.0-1_amd64"};
	VZR_AUTO_ENTRIES struct vzr_entries entries = {0};
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(parse(text, sizeof(text) - 1, &entries, &err), &err);
	vzr_entries_sort(&entries);
	assert_int_equal(entries.count, VZR_COUNT(wanted));
	for (size_t i = 0; i < entries.count; i++)
		assert_string_equal(entries.items[i].name, wanted[i]);
	/* The newest by the value of its numbers. */
	assert_string_equal(entries.items[0].file,
			    "system/debian-13-standard_13.10-1_amd64.tar.zst");
	assert_true(entries.items[0].has_digest);
	assert_int_equal(entries.items[0].digest.algo, VZR_SHA512);
}

static void left_out(void **state)
{
	static const char *const texts[] = {
		"Package: a-1-b\nType: iso\nVersion: 1\nArchitecture: amd64\nLocation: a.tar.gz\n"
		"sha512sum: " DIGEST "\n",
		"Package: a-1-b\nType: lxc\nVersion: 1\nArchitecture: amd64\nLocation: a.tar.gz\n"
		"md5sum: a6148ff6f0d60e643a6e5f33497cecea\n",
		"Package: a-1-b\nType: lxc\nVersion: 1\nLocation: a.tar.gz\nsha512sum: " DIGEST
		"\n",
		"\n\n\n",
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_ENTRIES struct vzr_entries entries = {0};
		struct vzr_error err = VZR_ERROR_INIT;

		assert_ok(parse(texts[i], strlen(texts[i]), &entries, &err), &err);
		assert_int_equal(entries.count, 0);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: of the text */
		const char *why;
		unsigned int line;
	} rows[] = {
		{RECORD("a-1-b", "1", "../a.tar.gz"), 0, "leads out of its directory", 10},
		{RECORD("a-1-b", "1", "/a.tar.gz"), 0, "leads out of its directory", 10},
		{RECORD("a-1-b", "1", "x/../a.tar.gz"), 0, "leads out of its directory", 10},
		{RECORD("a-1-b", "1", "http://other/a.tar.gz"), 0, "leads out", 10},
		{RECORD("a-1-b", "1", "x/-o/a.tar.gz"), 0, "leads out of its directory", 10},
		{RECORD("a-1-b", "1", "a%2f..%2fb.tar.gz"), 0, "leads out of its directory", 10},
		{"Package: a\nnonsense\n", 0, "no \"Key: value\"", 2},
		{" goes on\n", 0, "goes on with nothing", 1},
		{"Package: a\nVersion", 0, "was cut off", 2},
		{"Package: a\nVer\0sion: 1\n", 23, "a NUL", 2},
		{"Package: a-1-b\nType: lxc\nVersion: 1\nArchitecture: amd64\n"
		 "Location: a.tar.gz\nsha512sum: "
		 "zzzz27ca6ceab5ef0b84db57825a00f26157ef1854bafe97297813e1cbe8ecb8"
		 "cc9c453cab6b3b0efe1ba193a50c47ece1e41d950e411b8730b835b71e9e754b\n\n",
		 0, "its sha512sum is none", 7},
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_ENTRIES struct vzr_entries entries = {0};
		struct vzr_error err = VZR_ERROR_INIT;
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].text);

		assert_error(parse(rows[i].text, len, &entries, &err), -VZR_E_INPUT, &err,
			     rows[i].why);
		assert_int_equal(err.line, rows[i].line);
	}
}

static void gunzip(void **state)
{
	/* printf hello | gzip -n */
	static const unsigned char hello[] = {0x1f, 0x8b, 8,	0,    0,    0,	  0, 0, 0,
					      3,    0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86,
					      0xa6, 0x10, 0x36, 5,    0,    0,	  0};
	char bytes[sizeof(hello) + 1];
	struct vzr_buf packed = {.data = bytes, .len = sizeof(hello)};
	VZR_AUTO_BUF struct vzr_buf out = {0};
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	memcpy(bytes, hello, sizeof(hello));
	assert_ok(vzr_gunzip(&packed, &out, &err), &err);
	assert_string_equal(vzr_buf_cstr(&out), "hello");
	for (size_t len = 0; len < sizeof(hello); len++) {
		packed.len = len;
		assert_error(vzr_gunzip(&packed, &out, &err), -VZR_E_INPUT, &err, "damaged or cut");
	}
	packed.len = sizeof(hello);
	bytes[17] ^= 1; /* the check sum */
	assert_error(vzr_gunzip(&packed, &out, &err), -VZR_E_INPUT, &err, "damaged or cut off");
	bytes[17] ^= 1;
	vzr_buf_done(&out);
	out.max = 3;
	assert_error(vzr_gunzip(&packed, &out, &err), -VZR_E_LIMIT, &err, "more than 3 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(left_out),
		cmocka_unit_test(refused),
		cmocka_unit_test(gunzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
