/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* simplestreams documents: which files become templates, under which names, what is refused. */
#include "templates/internal.h"

#include "check.h"

#include "engine/base/cleanup.h"
#include "engine/base/list.h"

/* JSON with ' for ", which C would hide. */
#define HEX "8eea7bd485b92b89c987976fa6a2ebe54ecd7bd9c0947d6da0b70c7ab528c121"
#define HEAD "{'format':'products:1.0','updated':'Tue, 15 Sep 2015 16:15:24 -0400','products':{"
#define TAIL "}}"
#define ITEM(ftype, path)                                                                          \
	"{'ftype':'" ftype "','path':'" path "','size':7,'sha256':'" HEX "'}"
#define ROOT(key, path) "'" key "':{'items':{'root':" ITEM("root.tar.xz", path) "}}"
#define AMD64 "'a':{'arch':'amd64','versions':{"

static char *quoted(const char *text)
{
	char *out = strdup(text);

	assert_non_null(out);
	for (char *p = out; *p; p++)
		if (*p == '\'')
			*p = '"';
	return out;
}

static int parse(const char *text, struct vzr_indexed *found, struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list suffixes = { 0 };
	VZR_AUTO_FREE char *json = quoted(text);

	assert_int_equal(vzr_split_blanks("tar.xz tar.gz", &suffixes), 0);
	return vzr_products_parse("images.json", json, strlen(json), &suffixes, found, err);
}

static const char images[] =
	HEAD "'debian:bookworm:amd64:default':{'aliases':'debian/bookworm/default,debian/bookworm,"
	     "debian/12/default,debian/12','arch':'amd64','os':'Debian','release':'bookworm',"
	     "'variant':'default','versions':{"
	ROOT("20240911_9", "a/9/rootfs.tar.xz") ","
	ROOT("20240911_10", "a/10/rootfs.tar.xz") ","
	"'20250101':{'items':{'d':" ITEM("disk.qcow2", "a/11/disk.img") "}},"
	ROOT("latest", "a/12/rootfs.tar.xz") "}},"
	"'plain':{'arch':'arm64','os':'Void','release':'current','variant':'musl','versions':{"
	ROOT("20240101", "v/rootfs.tar.xz") "}}" TAIL;

static void names(void **state)
{
	static const struct {
		const char *name;
		enum vzr_entry_role role;
	} wanted[] = { { "debian-12-amd64", VZR_ENTRY_ALIAS },
		       { "debian-12-amd64-default", VZR_ENTRY_MAIN },
		       { "debian-bookworm-amd64", VZR_ENTRY_ALIAS },
		       { "debian-bookworm-amd64-default", VZR_ENTRY_ALIAS },
		       { "void-current-arm64-musl", VZR_ENTRY_MAIN } };
	VZR_AUTO_INDEXED struct vzr_indexed found = { 0 };
	const struct vzr_entries *entries = &found.entries;
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(parse(images, &found, &err), &err);
	vzr_entries_sort(&found.entries);
	assert_int_equal(found.updated, 1442348124);
	assert_int_equal(entries->count, VZR_COUNT(wanted));
	for (size_t i = 0; i < entries->count; i++) {
		assert_string_equal(entries->items[i].name, wanted[i].name);
		assert_int_equal(entries->items[i].role, wanted[i].role);
		assert_int_equal(entries->items[i].size_bytes, 7);
	}
	/* The newest version that has a root archive, by the value of its numbers. */
	assert_string_equal(entries->items[0].file, "a/10/rootfs.tar.xz");
}

static void nothing_of_use(void **state)
{
	static const char *const texts[] = {
		HEAD TAIL,
		HEAD "'a':{}" TAIL,
		HEAD "'a':3" TAIL,
		HEAD "'a':{'arch':'amd64','versions':[]}" TAIL,
		HEAD AMD64 "'20240101':{'items':7}}}" TAIL,
		HEAD "'a':{'versions':{" ROOT("20240101", "r.tar.xz") "}}" TAIL,
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_INDEXED struct vzr_indexed found = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_ok(parse(texts[i], &found, &err), &err);
		assert_int_equal(found.entries.count, 0);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "images.json, line" },
		{ "{'format':'products:1.0'} x", "images.json, line 1" },
		{ "{'format':'index:1.0'}", "is no products:1.0 but 'index:1.0'" },
		{ "{'format':'products:1.0','format':'products:1.0'}", "line 1" },
		{ "[]", "is no products:1.0" },
		{ HEAD AMD64 ROOT("20240101", "../r.tar.xz") "}}" TAIL,
		  "product 'a', version 20240101: its path leads out" },
		{ HEAD AMD64 ROOT("20240101", "/r.tar.xz") "}}" TAIL, "its path leads out" },
		{ HEAD AMD64 "'20240101':{'items':{'r':{'ftype':'root.tar.xz','path':'r.tar.xz',"
			     "'size':7,'md5':'d41d8cd98f00b204e9800998ecf8427e'}}}}}" TAIL,
		  "has no SHA-256" },
		{ HEAD AMD64 "'20240101':{'items':{'r':{'ftype':'root.tar.xz','path':'r.tar.xz',"
			     "'size':-7,'sha256':'" HEX "'}}}}}" TAIL,
		  "a size that is none" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_INDEXED struct vzr_indexed found = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_error(parse(rows[i].text, &found, &err), -VZR_E_INPUT, &err, rows[i].why);
	}
}

static int find(const char *text, char **ret_path, struct vzr_error *err)
{
	VZR_AUTO_FREE char *json = quoted(text);

	return vzr_streams_path("index.json", json, strlen(json), ret_path, err);
}

static void paths(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{'index':{'a':{'path':'x'}}}",
		"{'index':{'a':{'datatype':'image-ids','format':'products:1.0','path':'x'}}}",
		("{'index':{'a':{'datatype':'image-downloads','format':'products:1.0',"
		 "'path':'../x'}}}"),
	};
	VZR_AUTO_FREE char *path = NULL;
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(find("{'index':{'ids':{'datatype':'image-ids'},'a':{'datatype':'image-downloads',"
		       "'format':'products:1.0','path':'streams/v1/images.json'}}}",
		       &path, &err),
		  &err);
	assert_string_equal(path, "streams/v1/images.json");
	for (size_t i = 0; i < VZR_COUNT(bad); i++) {
		char *none = NULL;

		assert_error(find(bad[i], &none, &err), -VZR_E_INPUT, &err, "index.json");
		assert_null(none);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(nothing_of_use),
		cmocka_unit_test(refused),
		cmocka_unit_test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
