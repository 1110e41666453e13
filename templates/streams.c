/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * simplestreams: streams/v1/index.json names the products document, which names files by product,
 * version and item. What the publishers of root archives (images.linuxcontainers.org) make of it.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"

#include <ctype.h>
#include <jansson.h>
#include <locale.h>
#include <string.h>
#include <time.h>

#define PRODUCTS "products:1.0"
#define IMAGES "image-downloads"
#define NAME_ROOM 256
#define DATE_DIGITS 8 /* that every version begins with */

static void json_freep(json_t **json)
{
	json_decref(*json);
}
#define AUTO_JSON __attribute__((cleanup(json_freep)))

static int load(const char *file, const char *text, size_t len, json_t **ret_json,
		struct vzr_error *err)
{
	json_error_t why;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	int r;

	if (json) {
		*ret_json = json;
		return 0;
	}
	r = vzr_fail(err, -VZR_E_INPUT, "%s, line %d: %s", file, why.line, why.text);
	if (err && why.line > 0)
		err->line = (unsigned int)why.line;
	return r;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int vzr_streams_path(const char *file, const char *text, size_t len, char **ret_path,
		     struct vzr_error *err)
{
	AUTO_JSON json_t *json = NULL;
	const char *id;
	json_t *stream;
	int r = load(file, text, len, &json, err);

	if (r < 0)
		return r;
	json_object_foreach(json_object_get(json, "index"), id, stream)
	{
		const char *path = text_of(stream, "path");

		if (strcmp(text_of(stream, "format"), PRODUCTS) != 0 ||
		    strcmp(text_of(stream, "datatype"), IMAGES) != 0)
			continue;
		if (!vzr_location_ok(path))
			return vzr_fail(err, -VZR_E_INPUT,
					"%s: the path '%s' of %s leads out of its directory", file,
					path, id);
		*ret_path = strdup(path);
		return *ret_path ? 0 : vzr_fail_code(err, -ENOMEM, "cannot read %s", file);
	}
	return vzr_fail(err, -VZR_E_INPUT, "%s names no " PRODUCTS " of " IMAGES, file);
}

/* ---- products ---- */

/* One root archive on its way to its names. */
struct found {
	const char *file; /* the document, for messages */
	const char *product;
	const char *version;
	const char *path;
	uint64_t size_bytes;
	struct vzr_digest digest;
	unsigned int rank;
	struct vzr_entries *entries;
};

static int add_name(const struct found *found, const char *name, enum vzr_entry_role role,
		    struct vzr_error *err)
{
	const struct vzr_entry entry = { .rank = found->rank,
					 .role = role,
					 .has_digest = true,
					 .digest = found->digest,
					 .size_bytes = found->size_bytes };
	int r = vzr_entries_add_named(found->entries, entry, name, found->path, found->version);

	if (r == -VZR_E_LIMIT)
		return vzr_fail(err, r, "%s has too many templates", found->file);
	return r < 0 ? vzr_fail_code(err, r, "cannot read %s", found->file) : 0;
}

/* "debian/12/default" of amd64 into "debian-12-amd64-default". False: it is too long. */
static bool name_of_alias(const char *alias, size_t len, const char *arch, char out[NAME_ROOM])
{
	const char *slash = memchr(alias, '/', len), *end = alias + len;
	const char *second = slash ? memchr(slash + 1, '/', (size_t)(end - slash - 1)) : NULL;
	size_t front = second ? (size_t)(second - alias) : len;
	int n = snprintf(out, NAME_ROOM, "%.*s-%s%.*s", (int)front, alias, arch, (int)(len - front),
			 alias + front);

	if (n < 0 || n >= NAME_ROOM)
		return false;
	for (char *p = out; *p; p++)
		*p = *p == '/' ? '-' : (char)tolower((unsigned char)*p);
	return true;
}

/* An alias that says the version in digits is the one to be listed. */
static bool has_version(const char *alias, size_t len)
{
	const char *slash = memchr(alias, '/', len);

	return slash && slash + 1 < alias + len && isdigit((unsigned char)slash[1]);
}

static int add_names(const struct found *found, const json_t *product, struct vzr_error *err)
{
	const char *arch = text_of(product, "arch"), *aliases = text_of(product, "aliases");
	bool listed = false;
	char name[NAME_ROOM];
	int r = 0;

	for (const char *alias = aliases; *alias && r == 0;) {
		size_t len = strcspn(alias, ",");
		bool main = !listed && has_version(alias, len);

		if (len && name_of_alias(alias, len, arch, name)) {
			r = add_name(found, name, main ? VZR_ENTRY_MAIN : VZR_ENTRY_ALIAS, err);
			listed |= main;
		}
		alias += len + (alias[len] == ',');
	}
	if (r == 0 && !listed) {
		snprintf(name, sizeof(name), "%s-%s-%s-%s", text_of(product, "os"),
			 text_of(product, "release"), arch, text_of(product, "variant"));
		for (char *p = name; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		r = add_name(found, name, VZR_ENTRY_MAIN, err);
	}
	return r;
}

static int bad_product(const struct found *found, const char *why, struct vzr_error *err)
{
	return vzr_fail(err, -VZR_E_INPUT, "%s: product '%s', version %s: %s", found->file,
			found->product, found->version, why);
}

/* 1: @item is a root archive that we can unpack, better than what @found has. */
static int take_item(const json_t *item, const struct vzr_list *suffixes, struct found *found,
		     struct vzr_error *err)
{
	const char *path = text_of(item, "path"), *slash = strrchr(path, '/');
	json_int_t size = json_integer_value(json_object_get(item, "size"));
	VZR_AUTO_FREE char *stem = NULL;
	struct vzr_digest digest;
	unsigned int rank;

	if (strncmp(text_of(item, "ftype"), "root.tar", 8) != 0)
		return 0;
	if (!vzr_location_ok(path))
		return bad_product(found, "its path leads out of its directory", err);
	stem = vzr_template_name_of(slash ? slash + 1 : path, suffixes, &rank);
	if (!stem || (found->path && rank >= found->rank))
		return 0;
	if (size < 0 || vzr_digest_parse(text_of(item, "sha256"), &digest, NULL) < 0 ||
	    digest.algo != VZR_SHA256)
		return bad_product(found, "it has no SHA-256 or a size that is none", err);
	found->path = path;
	found->rank = rank;
	found->digest = digest;
	found->size_bytes = (uint64_t)size;
	return 1;
}

static bool is_version(const char *version)
{
	for (int i = 0; i < DATE_DIGITS; i++)
		if (!isdigit((unsigned char)version[i]))
			return false;
	return true;
}

/* Of all versions that have a root archive the newest. */
static int take_product(const json_t *product, const struct vzr_list *suffixes, struct found *found,
			struct vzr_error *err)
{
	struct found best = {0};
	const char *version, *name;
	json_t *build, *item;

	json_object_foreach(json_object_get(product, "versions"), version, build)
	{
		if (!is_version(version) ||
		    (best.path && vzr_natural_compare(version, best.version) <= 0))
			continue;
		found->version = version;
		found->path = NULL;
		json_object_foreach(json_object_get(build, "items"), name, item)
		{
			int r = take_item(item, suffixes, found, err);

			if (r < 0)
				return r;
		}
		if (found->path)
			best = *found;
	}
	return best.path && *text_of(product, "arch") ? add_names(&best, product, err) : 0;
}

/* "Tue, 15 Sep 2015 16:15:24 -0400", whatever the locale. 0: it is something else. */
static int64_t time_of(const char *text)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	struct tm tm = {0};
	const char *end = c ? strptime_l(text, "%a, %d %b %Y %H:%M:%S %z", &tm, c) : NULL;
	long offset = tm.tm_gmtoff;

	if (c)
		freelocale(c);
	return end && *end == '\0' ? (int64_t)timegm(&tm) - offset : 0;
}

int vzr_products_parse(const char *file, const char *text, size_t len,
		       const struct vzr_list *suffixes, struct vzr_indexed *indexed,
		       struct vzr_error *err)
{
	struct found found = { .file = file, .entries = &indexed->entries };
	AUTO_JSON json_t *json = NULL;
	json_t *product;
	int r = load(file, text, len, &json, err);

	if (r < 0)
		return r;
	if (strcmp(text_of(json, "format"), PRODUCTS) != 0)
		return vzr_fail(err, -VZR_E_INPUT, "%s is no " PRODUCTS " but '%s'", file,
				text_of(json, "format"));
	indexed->updated = time_of(text_of(json, "updated"));
	json_object_foreach(json_object_get(json, "products"), found.product, product)
	{
		r = take_product(product, suffixes, &found, err);
		if (r < 0)
			return r;
	}
	return 0;
}
